package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	lockRetrySeconds = 1
	lockRetries      = uint64(migrateTimeout / time.Second)
)

// Migrate applies the migrations in files that the database does not have yet and writes to out what it did. However
// many processes call it at the same time, each migration is applied once: an advisory lock of the server, which ends
// with the connection, lets one in at a time. The error names the database and says what to do.
func Migrate(
	ctx context.Context, s Settings, files fs.FS, out io.Writer, options ...goose.ProviderOption,
) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	config, err := parse(s)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := connect(ctx, db); err != nil {
		return explain(err, target(config.ConnConfig))
	}

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockRetrySeconds, lockRetries))
	if err != nil {
		return fmt.Errorf("make the lock: %w", err)
	}
	err = apply(ctx, db, goose.DialectPostgres, locked(db, locker), files, out, options...)
	var broken *pgconn.ConnectError
	if errors.As(err, &broken) || refused(err) {
		return explain(err, target(config.ConnConfig))
	}
	return err
}
