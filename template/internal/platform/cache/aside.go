package cache

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
)

const (
	// loadWithin bounds reading a value from the database for all who wait for it.
	loadWithin = 10 * time.Second
	// jitter is how much shorter than its time an entry may be kept, so that those made together do not end together.
	jitter = 0.2
)

// Options say how long values are kept.
type Options struct {
	Name      string        // of the values, in metrics
	TTL       time.Duration // bounds how long a value can be wrong, whatever goes wrong
	AbsentTTL time.Duration // the same, for what is not there
	Absent    error         // what Load returns for it
}

// Aside is a cache of values of one type, which is asked before the database. Make it with NewAside.
type Aside[T any] struct {
	redis   *Redis
	options Options
	flights singleflight.Group
}

// Load reads a value from the database, with the version of its row.
type Load[T any] func(ctx context.Context) (value T, version int64, err error)

// NewAside returns a cache in r.
func NewAside[T any](r *Redis, o Options) *Aside[T] { return &Aside[T]{redis: r, options: o} }

// Get returns the value with this key from the cache, and else from load, whose value it keeps. Of those who ask at the
// same time for what is not in the cache, one loads it for all.
func (a *Aside[T]) Get(ctx context.Context, key string, load Load[T]) (T, error) {
	found, err, ok := a.kept(ctx, key)
	if ok {
		return found, err
	}
	flight := a.flights.DoChan(key, func() (any, error) {
		// The value is for everyone who waits, so that one who hangs up must not spoil it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadWithin)
		defer cancel()
		return a.load(ctx, key, load)
	})
	select {
	case <-ctx.Done():
		return found, ctx.Err()
	case done := <-flight:
		loaded, _ := done.Val.(T)
		return loaded, done.Err
	}
}

// Forget makes those who ask from now on load a value anew, and not wait for one who began before.
func (a *Aside[T]) Forget(key string) { a.flights.Forget(key) }

// kept returns what the cache has; ok is false where the database has to be asked.
func (a *Aside[T]) kept(ctx context.Context, key string) (found T, err error, ok bool) {
	result := "miss"
	defer func() { a.redis.requests.WithLabelValues(a.options.Name, result).Inc() }()
	text, err := a.redis.get(ctx, key)
	if err != nil {
		if !errors.Is(err, redis.Nil) {
			result = "error"
		}
		return found, nil, false
	}
	e, ok := parseEntry(text)
	switch {
	case ok && e.kind == value && json.Unmarshal([]byte(e.data), &found) == nil:
		result = "hit"
		return found, nil, true
	case ok && e.kind == absent:
		result = "absent"
		return found, a.options.Absent, true
	}
	return found, nil, false
}

// load reads a value from the database and keeps it. That it cannot be kept is no fault of the value.
func (a *Aside[T]) load(ctx context.Context, key string, load Load[T]) (T, error) {
	begun := time.Now()
	loaded, version, err := load(ctx)
	e, ttl := entry{version: version, kind: value}, a.options.TTL
	switch {
	case err == nil:
		data, failed := json.Marshal(loaded)
		if failed != nil {
			return loaded, failed
		}
		e.data = string(data)
	case a.options.Absent != nil && errors.Is(err, a.options.Absent):
		e, ttl = entry{kind: absent}, a.options.AbsentTTL
	default:
		return loaded, err
	}
	if time.Since(begun) < loadWithin { // else that it is outdated may be forgotten already
		_ = a.redis.keep(ctx, key, e, shortened(ttl))
	}
	return loaded, err
}

// shortened returns a time that is up to a fifth shorter.
func shortened(ttl time.Duration) time.Duration {
	return ttl - time.Duration(float64(ttl)*jitter*rand.Float64())
}
