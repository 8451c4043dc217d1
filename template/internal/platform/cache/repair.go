package cache

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

const (
	// lookAtOnce is how many entries are asked for in one question.
	lookAtOnce = 200
	// loadAtOnce is how many rows are read at the same time.
	loadAtOnce = 8
)

// repairScript keeps instead of an entry (KEYS[1]) that is still the text that was seen (ARGV[1]) that it is outdated since
// a version (ARGV[2]), for ARGV[3] milliseconds; without a version it deletes the entry.
const repairScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2] .. '~', 'PX', ARGV[3])
return 1`

// LoadKey reads the value of a key from the database, with the version of its row.
type LoadKey[T any] func(ctx context.Context, key string) (value T, version int64, err error)

// Repair compares the entries with these keys to their rows, and outdates those that differ, whatever has made them so. It
// returns how many it has outdated. Keys without an entry cost no look at the database. After an error, all of it can be
// repeated.
func (a *Aside[T]) Repair(ctx context.Context, keys []string, load LoadKey[T]) (int, error) {
	var repaired atomic.Int64
	for len(keys) > 0 {
		n := min(len(keys), lookAtOnce)
		texts, err := a.redis.look(ctx, keys[:n])
		if err != nil {
			return int(repaired.Load()), err
		}
		loads, loading := errgroup.WithContext(ctx)
		loads.SetLimit(loadAtOnce)
		for key, text := range texts {
			loads.Go(func() error {
				wrong, err := a.repair(loading, key, text, load)
				if wrong {
					repaired.Add(1)
				}
				return err
			})
		}
		if err := loads.Wait(); err != nil {
			return int(repaired.Load()), err
		}
		keys = keys[n:]
	}
	return int(repaired.Load()), nil
}

// repair outdates one entry if it is not what its row is. The row is read after the entry: it cannot be the older one.
func (a *Aside[T]) repair(ctx context.Context, key, text string, load LoadKey[T]) (bool, error) {
	e, ok := parseEntry(text)
	if ok && e.kind == outdated {
		return false, nil
	}
	loaded, version, err := load(ctx, key)
	switch gone := a.options.Absent != nil && errors.Is(err, a.options.Absent); {
	case gone && ok && e.kind == absent:
		return false, nil
	case gone:
		return a.redis.replace(ctx, key, text, nil)
	case err != nil:
		return false, err
	}
	data, err := json.Marshal(loaded)
	if err != nil {
		return false, err
	}
	if ok && e.kind == value && e.version == version && e.data == string(data) {
		return false, nil
	}
	return a.redis.replace(ctx, key, text, version)
}

// Keys calls each with the keys of all entries that begin like this, some at a time and some perhaps twice.
func (a *Aside[T]) Keys(ctx context.Context, begin string, each func(keys []string) error) error {
	cursor, pattern := uint64(0), escaped(a.redis.prefix+begin)+"*"
	for {
		var found []string
		err := a.redis.ask(ctx, func(ctx context.Context) (err error) {
			found, cursor, err = a.redis.client.Scan(ctx, cursor, pattern, lookAtOnce).Result()
			return err
		})
		if err != nil {
			return err
		}
		for i, key := range found {
			found[i] = strings.TrimPrefix(key, a.redis.prefix)
		}
		if err := each(found); err != nil || cursor == 0 {
			return err
		}
	}
}

// look returns the texts of the entries that there are, by key.
func (r *Redis) look(ctx context.Context, keys []string) (map[string]string, error) {
	prefixed := make([]string, len(keys))
	for i, key := range keys {
		prefixed[i] = r.prefix + key
	}
	var values []any
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		values, err = r.client.MGet(ctx, prefixed...).Result()
		return err
	})
	texts := make(map[string]string, len(values))
	for i, found := range values {
		if text, ok := found.(string); ok {
			texts[keys[i]] = text
		}
	}
	return texts, err
}

// replace outdates an entry that still is the text that was seen; version is nil where there is no row.
func (r *Redis) replace(ctx context.Context, key, seen string, version any) (bool, error) {
	if version == nil {
		version = ""
	}
	var done int
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		done, err = redis.NewScript(repairScript).Run(
			ctx, r.client, []string{r.prefix + key}, seen, version, outdatedFor.Milliseconds()).Int()
		return err
	})
	return done == 1, err
}

// escaped returns a text as a pattern of Redis that fits nothing else.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(text)
}
