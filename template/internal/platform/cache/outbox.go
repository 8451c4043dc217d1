package cache

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// againAfter is when entries are outdated for the second time: a Redis that was started anew meanwhile, or did not
	// answer, has not kept the first.
	againAfter = time.Second
	lookEvery  = 500 * time.Millisecond
	batch      = 100
)

// MigrationsTable is where it is noted which of Migrations were applied.
const MigrationsTable = "cache_db_version"

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the files that make the outbox's table.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }

// Drain outdates for the second time what is due, until ctx ends. Any number of processes may do so at once: each takes
// what no other one has taken. What Redis does not answer to stays in the outbox.
func (o *Outbox) Drain(ctx context.Context) {
	failing := false
	for {
		n, err := o.drain(ctx, func(entries []Outdated) error { return o.redis.outdateAll(ctx, entries) })
		if ctx.Err() != nil {
			return
		}
		if failing != (err != nil) {
			failing = err != nil
			o.tell(ctx, err)
		}
		o.redis.outdated.WithLabelValues("later").Add(float64(n))
		if n == batch {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery - rand.N(lookEvery/5)):
		}
	}
}

// tell logs that the outbox fails, or no longer does.
func (o *Outbox) tell(ctx context.Context, err error) {
	if err == nil {
		o.logger.LogAttrs(ctx, slog.LevelInfo, "the cache's outbox is drained again")
		return
	}
	o.logger.LogAttrs(ctx, slog.LevelWarn, "the cache's outbox cannot be drained, and waits",
		slog.String("error", err.Error()))
}

// atOnce outdates entries for the first time. Where that fails, the outbox does it.
func (o *Outbox) atOnce(ctx context.Context, entries []Outdated) {
	when := "at_once"
	// It is done whether the client still waits or not.
	if err := o.redis.outdateAll(context.WithoutCancel(ctx), entries); err != nil {
		when = "failed"
	}
	o.redis.outdated.WithLabelValues(when).Add(float64(len(entries)))
}
