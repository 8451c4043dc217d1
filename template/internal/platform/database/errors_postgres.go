package database

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable reports whether an error of a statement may go away by itself: one that is not the server's own is one of the
// connection; of the server's, some classes pass (PostgreSQL documentation, appendix A).
func Unavailable(err error) bool {
	var server *pgconn.PgError
	return !errors.As(err, &server) || passing(server.Code)
}

// passing is about an SQLSTATE: connection lost (08), out of resources (53), shutdown or start-up (57P), and a table that is
// not there because the migrations have not run.
func passing(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57P") ||
		code == undefinedTable
}
