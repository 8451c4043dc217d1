package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pressly/goose/v3/lock"
)

const (
	connectTimeout = 5 * time.Second
	maxIdle        = 5 * time.Minute

	// waitForServer is how long Migrate waits for a server that is just being started.
	waitForServer = 10 * time.Second
	retryEvery    = 250 * time.Millisecond
)

// Settings says where the database is. Open says which parameters the URL may have.
type Settings struct {
	URL      string
	Password string // takes the place of the URL's; any characters
	Service  string // the name the server knows its connections by
}

// locked returns turns that the server hands out by a lock, which it holds for a connection and ends with it.
func locked(db *sql.DB, locker lock.SessionLocker) exclusive {
	return func(ctx context.Context) (release func() error, err error) {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		if err := locker.SessionLock(ctx, conn); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return func() error {
			// It is given back by a run that was ended, too.
			return errors.Join(locker.SessionUnlock(context.WithoutCancel(ctx), conn), conn.Close())
		}, nil
	}
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
