package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrate applies the migrations in files that the database does not have yet and writes to out what it did. However
// many processes call it at the same time, each migration is applied once: a lock of the server, which ends with the
// connection, lets one in at a time. The error names the database and says what to do.
//
// The server commits every change of a table at once. So a migration that fails or is killed half-way leaves what it
// had done by then and is not recorded: it must be fit to be applied again.
func Migrate(
	ctx context.Context, s Settings, files fs.FS, out io.Writer, options ...goose.ProviderOption,
) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	config, _, err := parse(s)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	db, err := open(config)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := connect(ctx, db); err != nil {
		return explain(err, target(config))
	}

	err = apply(ctx, db, goose.DialectMySQL, locked(db, sessionLock{}), files, out, options...)
	var partial *goose.PartialError
	switch {
	case refused(err), starting(err):
		return explain(err, target(config))
	case errors.As(err, &partial):
		return fmt.Errorf("%w; what its statements before had changed stays: undo that, or let them be repeated", err)
	}
	return err
}

// sessionLock is a goose lock.SessionLocker: a lock that the server holds for a connection. In a cluster that takes
// writes in several places it holds for the server that gave it.
type sessionLock struct{}

// lockName is an expression, as the name has at most 64 characters, and that of a database may have as many.
const lockName = "CONCAT('migrate ', SHA1(DATABASE()))"

// SessionLock waits for the lock until ctx ends. It asks anew each second: the server would not notice that nobody
// waits any more.
func (sessionLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var taken sql.NullBool
		err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+lockName+", 1)").Scan(&taken)
		switch {
		case err != nil:
			return fmt.Errorf("take the lock of the migrations: %w", err)
		case !taken.Valid:
			return errors.New("take the lock of the migrations: the server cannot give it")
		case taken.Bool:
			return nil
		}
	}
}

// SessionUnlock gives the lock back.
func (sessionLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+lockName+")")
	return err
}
