package database

import (
	"database/sql/driver"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// The numbers of errors that mean something here (MySQL 8.4 error message reference; MariaDB has the same).
const (
	accessToDatabaseDenied = 1044
	accessDenied           = 1045
	unknownDatabase        = 1049
	noSuchTable            = 1146
)

// serverAdvice returns what the server itself said and what to do about it; false if err does not come from it.
func serverAdvice(err error) (string, bool) {
	var server *mysql.MySQLError
	if !errors.As(err, &server) {
		return "", false
	}
	switch server.Number {
	case accessDenied:
		return server.Message + "; correct DATABASE_PASSWORD, or user and password in DATABASE_URL", true
	case accessToDatabaseDenied:
		return server.Message + "; create it and grant the user access, or correct DATABASE_URL", true
	case unknownDatabase:
		return server.Message + "; create it or correct DATABASE_URL", true
	}
	return server.Message, true
}

// starting reports whether something took the connection and closed it at once, as what stands before a server does
// while that is being started.
func starting(err error) bool {
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn)
}
