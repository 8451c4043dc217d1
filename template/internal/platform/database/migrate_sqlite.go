package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Migrate applies the migrations in files that the database does not have yet and writes to out what it did. However
// many processes call it at the same time, each migration is applied once. The error names the file.
func Migrate(ctx context.Context, rawURL string, files fs.FS, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	path, err := filePath(rawURL)
	if err != nil {
		return err
	}
	db, err := Open(rawURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := apply(ctx, db, goose.DialectSQLite3, fileLock(path+".migrate"), files, out); err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	return nil
}

// fileLock returns turns by a lock. SQLite has none to take by name, and one on the database itself would block the
// migrations. So the lock is an exclusive transaction on an empty database next to it: SQLite hands it from process to
// process, and it ends with the process that holds it.
func fileLock(path string) exclusive {
	return func(ctx context.Context) (release func() error, err error) {
		db, err := open(path, url.Values{"_pragma": {"busy_timeout(100)"}}) // milliseconds between looks at ctx
		if err != nil {
			return nil, err
		}
		for {
			_, err := db.ExecContext(ctx, "BEGIN EXCLUSIVE")
			if err == nil {
				return db.Close, nil
			}
			if ctx.Err() != nil || !busy(err) {
				return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), db.Close())
			}
		}
	}
}

func busy(err error) bool {
	var failure *sqlite.Error
	return errors.As(err, &failure) && failure.Code()&0xff == sqlite3.SQLITE_BUSY
}
