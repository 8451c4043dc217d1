package database

import (
	"errors"

	"github.com/go-sql-driver/mysql"
)

const (
	duplicateEntry = 1062
	deadlock       = 1213
)

// attempts bounds how often a statement is run again that a deadlock has kept out.
const attempts = 5

// Unavailable reports whether an error of a statement may go away by itself: one that is not the server's own is one of the
// connection; of the server's, some pass.
func Unavailable(err error) bool {
	number := errorNumber(err)
	return number == 0 || passing(number)
}

// Duplicate reports whether there is such a row already.
func Duplicate(err error) bool { return errorNumber(err) == duplicateEntry }

// RetryDeadlocks runs a statement again that the server has ended as a deadlock, which has changed nothing.
func RetryDeadlocks(statement func() error) error {
	for attempt := 1; ; attempt++ {
		err := statement()
		if attempt == attempts || errorNumber(err) != deadlock {
			return err
		}
	}
}

// errorNumber returns the server's number of an error, 0 where it is none of the server's.
func errorNumber(err error) uint16 {
	var server *mysql.MySQLError
	if errors.As(err, &server) {
		return server.Number
	}
	return 0
}

// passing is about numbers of MySQL 8.4's error message reference, which MariaDB shares: out of disk, memory or connections
// (1021, 1037, 1041, 1040, 1203), shutdown (1053), a table that is not there because the migrations have not run, a lock that
// others hold (1205, 1213), and a statement or, with MariaDB, a connection that somebody ended (1317, 1927).
func passing(number uint16) bool {
	switch number {
	case 1021, 1037, 1040, 1041, 1053, noSuchTable, 1203, 1205, deadlock, 1317, 1927:
		return true
	}
	return false
}
