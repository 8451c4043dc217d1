// Package database opens the database, tells whether it can be used, and brings its schema up to date.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// migrateTimeout bounds a run of migrations, waiting for another run included.
const migrateTimeout = 10 * time.Minute

// exclusive lets one run in at a time: it waits for its turn until ctx ends, and returns what gives that back.
type exclusive func(ctx context.Context) (release func() error, err error)

// apply applies the migrations in files that db does not have yet, one run at a time, and writes a line for each to out.
func apply(
	ctx context.Context, db *sql.DB, dialect goose.Dialect, turn exclusive, files fs.FS, out io.Writer,
	options ...goose.ProviderOption,
) (err error) {
	provider, err := goose.NewProvider(dialect, db, files, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	// Not by goose's own option: goose looks for its table first, which another run may be about to fill.
	release, err := turn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	results, err := provider.Up(ctx)
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		results = partial.Applied
	}
	for _, result := range results {
		fmt.Fprintf(out, "applied %s in %s\n", path.Base(result.Source.Path), result.Duration.Round(time.Millisecond))
	}
	if err == nil && len(results) == 0 {
		fmt.Fprintln(out, "already up to date")
	}
	return err
}

// Newest returns the number of the last migration in files, whose names are NNNN_name.sql; 0 if there is none.
func Newest(files fs.FS) (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list the migrations: %w", err)
	}
	var newest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("migration %s: its name must begin with a number and an underscore", name)
		}
		newest = max(newest, version)
	}
	return newest, nil
}

// schemaFault returns an error if a schema of version have is too old for a service that knows newest. A schema from
// the future is fine: the next release has migrated already and this one still runs.
func schemaFault(have, newest int64, service string) error {
	if have >= newest {
		return nil
	}
	return fmt.Errorf("the schema is at version %d, this release needs %d: run `%s migrate`", have, newest, service)
}
