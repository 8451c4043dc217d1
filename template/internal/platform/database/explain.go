package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATEs that need advice (PostgreSQL documentation, appendix A).
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	unknownDatabase      = "3D000"
	cannotConnectNow     = "57P03"
)

// explain turns an error of the connection that config describes into one line: what, where and what to do. nil
// stays nil.
func explain(err error, config *pgx.ConnConfig) error {
	if err == nil {
		return nil
	}
	advice := ""
	var server *pgconn.PgError
	var dns *net.DNSError
	switch {
	case errors.As(err, &server):
		advice = server.Message
		switch server.Code {
		case invalidPassword, invalidAuthorization:
			advice += "; correct DATABASE_PASSWORD, or user and password in DATABASE_URL"
		case unknownDatabase:
			advice += "; create it or correct DATABASE_URL"
		}
	case errors.As(err, &dns):
		advice = "the host is not known; correct DATABASE_URL"
	case refused(err):
		advice = "connection refused; start the database or correct DATABASE_URL"
	case errors.Is(err, context.DeadlineExceeded):
		advice = "no answer in time; see whether the host is reachable and the database is not overloaded"
	default:
		advice = lastLine(err)
	}
	return fmt.Errorf("%s: %s", target(config), advice)
}

// refused reports whether nothing listens at the database's address (yet).
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// starting reports whether the server is there but does not take connections yet.
func starting(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == cannotConnectNow
}

// lastLine returns the innermost part of an error that lists one attempt a line.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
