package cache

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Outbox makes changes, and notes with each in the database which entries it outdates. Make it with NewOutbox.
type Outbox struct {
	pool   *pgxpool.Pool
	redis  *Redis
	logger *slog.Logger
}

// NewOutbox returns the outbox in pool's database, whose table Migrations make.
func NewOutbox(pool *pgxpool.Pool, r *Redis, logger *slog.Logger) *Outbox {
	return &Outbox{pool: pool, redis: r, logger: logger}
}

// Change runs change in a transaction. What it returns is noted in the same one, and outdated once it has committed.
func (o *Outbox) Change(ctx context.Context, change func(pgx.Tx) ([]Outdated, error)) error {
	var entries []Outdated
	err := pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) (err error) {
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

func note(ctx context.Context, tx pgx.Tx, entries []Outdated) error {
	for _, e := range entries {
		_, err := tx.Exec(ctx, `
			INSERT INTO cache_outbox (entry_key, version, due_at)
			VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))`,
			e.Key, e.Version, againAfter.Seconds())
		if err != nil {
			return fmt.Errorf("note what is outdated: %w", err)
		}
	}
	return nil
}

// drain takes up to a batch of due entries out of the outbox for outdate, and returns how many there were. If that
// fails, all of them stay.
func (o *Outbox) drain(ctx context.Context, outdate func([]Outdated) error) (n int, err error) {
	err = pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			DELETE FROM cache_outbox WHERE id = ANY (ARRAY(
				SELECT id FROM cache_outbox WHERE due_at <= clock_timestamp()
				ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
			)) RETURNING entry_key, version`, batch)
		if err != nil {
			return err
		}
		entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Outdated])
		if err != nil || len(entries) == 0 {
			return err
		}
		n = len(entries)
		return outdate(entries)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
