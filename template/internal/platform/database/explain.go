package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// explain turns an error of the connection to target into one line: what, where and what to do. nil stays nil.
func explain(err error, target string) error {
	if err == nil {
		return nil
	}
	advice, known := serverAdvice(err)
	var dns *net.DNSError
	switch {
	case known:
	case errors.As(err, &dns):
		advice = "the host is not known; correct DATABASE_URL"
	case refused(err):
		advice = "connection refused; start the database or correct DATABASE_URL"
	case errors.Is(err, context.DeadlineExceeded):
		advice = "no answer in time; see whether the host is reachable and the database is not overloaded"
	default:
		advice = lastLine(err)
	}
	return fmt.Errorf("%s: %s", target, advice)
}

// refused reports whether nothing listens at the database's address (yet).
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// lastLine returns the innermost part of an error that lists one attempt a line.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
