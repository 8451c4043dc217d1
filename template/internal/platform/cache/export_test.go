package cache

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// OutdateAll is for tests.
func OutdateAll(ctx context.Context, r *Redis, entries ...Outdated) error {
	return r.outdateAll(ctx, entries)
}

// Set is for tests: it keeps any text.
func Set(ctx context.Context, r *Redis, key, text string) error {
	return r.client.Set(ctx, r.prefix+key, text, time.Minute).Err()
}

// Delete is for tests: it deletes an entry, as a cache without versions would.
func Delete(ctx context.Context, r *Redis, key string) error {
	return r.client.Del(ctx, r.prefix+key).Err()
}

// Missed is for tests: how often a cache was asked for what it does not have.
func Missed(r *Redis) (n int, err error) { return counted(r.requests, "miss") }

// OutdatedLater is for tests: how many entries were outdated for the second time.
func OutdatedLater(r *Redis) (n int, err error) { return counted(r.outdated, "later") }

// counted returns what the series of a counter have counted whose last label has a value.
func counted(counter prometheus.Collector, value string) (n int, err error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(counter); err != nil {
		return 0, err
	}
	families, err := registry.Gather()
	for _, family := range families {
		for _, series := range family.GetMetric() {
			if labels := series.GetLabel(); labels[len(labels)-1].GetValue() == value {
				n += int(series.GetCounter().GetValue())
			}
		}
	}
	return n, err
}
