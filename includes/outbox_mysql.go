package cache

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
)

// Outbox makes changes, and notes with each in the database which entries it outdates. Make it with NewOutbox.
type Outbox struct {
	db     *sql.DB
	redis  *Redis
	logger *slog.Logger
}

// NewOutbox returns the outbox in db, whose table Migrations make.
func NewOutbox(db *sql.DB, r *Redis, logger *slog.Logger) *Outbox {
	return &Outbox{db: db, redis: r, logger: logger}
}

// Change runs change in a transaction. What it returns is noted in the same one, and outdated once it has committed.
func (o *Outbox) Change(ctx context.Context, change func(*sql.Tx) ([]Outdated, error)) error {
	var entries []Outdated
	err := o.within(ctx, func(tx *sql.Tx) (err error) {
		if entries, err = change(tx); err != nil {
			return err
		}
		return note(ctx, tx, entries)
	})
	if err != nil {
		return err
	}
	o.atOnce(ctx, entries)
	return nil
}

func note(ctx context.Context, tx *sql.Tx, entries []Outdated) error {
	for _, e := range entries {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO cache_outbox (entry_key, version, due_at)
			VALUES (?, ?, SYSDATE(6) + INTERVAL ? MICROSECOND)`,
			e.Key, e.Version, againAfter.Microseconds())
		if err != nil {
			return fmt.Errorf("note what is outdated: %w", err)
		}
	}
	return nil
}

// drain takes up to a batch of due entries out of the outbox for outdate, and returns how many there were. If that
// fails, all of them stay.
func (o *Outbox) drain(ctx context.Context, outdate func([]Outdated) error) (n int, err error) {
	err = o.within(ctx, func(tx *sql.Tx) error {
		entries, ids, err := due(ctx, tx)
		if err != nil || len(entries) == 0 {
			return err
		}
		n = len(entries)
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `DELETE FROM cache_outbox WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return outdate(entries)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// due returns the entries that are due and that nobody else has taken, and their ids.
func due(ctx context.Context, tx *sql.Tx) (entries []Outdated, ids []int64, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, entry_key, version FROM cache_outbox WHERE due_at <= SYSDATE(6)
		ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED`, batch)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e Outdated
		var id int64
		if err := rows.Scan(&id, &e.Key, &e.Version); err != nil {
			return nil, nil, err
		}
		entries, ids = append(entries, e), append(ids, id)
	}
	return entries, ids, rows.Err()
}

// within runs work in a transaction. What it has read is locked, but not the gaps between, where others add.
func (o *Outbox) within(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := o.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
