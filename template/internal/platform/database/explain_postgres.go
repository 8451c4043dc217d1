package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATEs that mean something here (PostgreSQL documentation, appendix A).
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	unknownDatabase      = "3D000"
	cannotConnectNow     = "57P03"
	undefinedTable       = "42P01"
)

// serverAdvice returns what the server itself said and what to do about it; false if err does not come from it.
func serverAdvice(err error) (string, bool) {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return "", false
	}
	switch server.Code {
	case invalidPassword, invalidAuthorization:
		return server.Message + "; correct DATABASE_PASSWORD, or user and password in DATABASE_URL", true
	case unknownDatabase:
		return server.Message + "; create it or correct DATABASE_URL", true
	}
	return server.Message, true
}

// starting reports whether the server is there but does not take connections yet.
func starting(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == cannotConnectNow
}
