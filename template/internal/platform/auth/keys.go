package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

const (
	// retryEvery is the shortest time between two looks at the source: tokens that name keys of their own invention cost
	// the issuer no more than that.
	retryEvery = 10 * time.Second
	// longestWait is what a request waits for keys that are being fetched.
	longestWait = 2 * time.Second
	// fetchTimeout ends a fetch that nobody may wait for any more.
	fetchTimeout = 10 * time.Second
)

// Keys are the public keys of an issuer. They are fetched again from time to time, and as soon as a token names one that
// is not known; while that fails, those that were fetched last are used. Make them with NewKeys.
type Keys struct {
	source  Source
	logger  *slog.Logger
	current atomic.Pointer[keySet]
	renewal singleflight.Group

	mu      sync.Mutex
	tried   time.Time
	failure error // of the last try

	renewals *prometheus.CounterVec
}

// NewKeys returns the keys of source; there is none before Follow or Find.
func NewKeys(source Source, logger *slog.Logger) *Keys {
	k := &Keys{source: source, logger: logger, renewals: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "auth_key_renewals_total",
		Help: "How often the keys of the tokens' issuer were asked for, by the result.",
	}, []string{"result"})}
	for _, result := range []string{"fetched", "failed"} {
		k.renewals.WithLabelValues(result)
	}
	return k
}

// Collectors returns the time series of the keys.
func (k *Keys) Collectors() []prometheus.Collector { return []prometheus.Collector{k.renewals} }

// Find returns the keys that a token with this kid, which may be "", and this algorithm may be signed with; none where
// the issuer has published no such key. The error is ErrUnavailable.
func (k *Keys) Find(ctx context.Context, id, algorithm string) ([]jwt.VerificationKey, error) {
	if found := k.set().find(id, algorithm); len(found) > 0 {
		return found, nil
	}
	if err := k.renew(ctx); err != nil && k.current.Load() == nil {
		return nil, ErrUnavailable
	}
	found := k.set().find(id, algorithm)
	if len(found) == 0 {
		return nil, Invalid("the token is signed with a key that its issuer has not published")
	}
	return found, nil
}

// Ready is nil once there are keys.
func (k *Keys) Ready(context.Context) error {
	if k.current.Load() != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure != nil {
		return k.failure
	}
	return errors.New("not fetched yet")
}

// Follow keeps the keys as new as the source's pace has it, until ctx ends.
func (k *Keys) Follow(ctx context.Context) {
	for {
		wait := k.source.every
		if err := k.renew(ctx); err != nil {
			wait = min(wait, retryEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (k *Keys) set() keySet {
	if current := k.current.Load(); current != nil {
		return *current
	}
	return nil
}

// renew fetches the keys, unless that was tried a moment ago, and returns how it ended. Who comes meanwhile waits for
// the same fetch; it goes on when nobody waits any more.
func (k *Keys) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	done := k.renewal.DoChan("", func() (any, error) {
		return nil, k.fetch(context.WithoutCancel(ctx))
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keys) fetch(ctx context.Context) error {
	if tried, failure := k.last(); time.Since(tried) < min(retryEvery, k.source.every) {
		return failure
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	set, err := k.source.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = time.Now()
	if err != nil {
		k.renewals.WithLabelValues("failed").Inc()
		k.logger.LogAttrs(ctx, slog.LevelWarn, "the keys of the tokens' issuer cannot be had",
			slog.String("source", k.source.name), slog.String("error", err.Error()))
		k.failure = err
		return err
	}
	k.renewals.WithLabelValues("fetched").Inc()
	k.failure = nil
	k.current.Store(&set)
	return nil
}

func (k *Keys) last() (time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tried, k.failure
}
