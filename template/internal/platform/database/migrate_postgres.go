package database

import (
	"context"
	"database/sql"
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
	// waitForServer is how long Migrate waits for a server that is just being started.
	waitForServer = 10 * time.Second
	retryEvery    = 250 * time.Millisecond

	lockRetrySeconds = 1
	lockRetries      = uint64(migrateTimeout / time.Second)
)

// Migrate applies the migrations in files that the database does not have yet and writes to out what it did. However
// many processes call it at the same time, each migration is applied once: an advisory lock of the server, which ends
// with the connection, lets one in at a time. The error names the database and says what to do.
func Migrate(ctx context.Context, s Settings, files fs.FS, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	config, err := parse(s)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := connect(ctx, db); err != nil {
		return explain(err, config.ConnConfig)
	}

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockRetrySeconds, lockRetries))
	if err != nil {
		return fmt.Errorf("make the lock: %w", err)
	}
	err = apply(ctx, db, goose.DialectPostgres, locker, files, out)
	var broken *pgconn.ConnectError
	if errors.As(err, &broken) || refused(err) {
		return explain(err, config.ConnConfig)
	}
	return err
}

// connect waits until the server answers. It is patient only with a server that is starting: a wrong password or an
// unknown host does not get better.
func connect(ctx context.Context, db *sql.DB) error {
	patience := time.Now().Add(waitForServer)
	for {
		err := db.PingContext(ctx)
		if err == nil || time.Now().After(patience) || !(refused(err) || starting(err)) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryEvery):
		}
	}
}
