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

// OutdatedLater is for tests: how many entries were outdated for the second time.
func OutdatedLater(r *Redis) (n int, err error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(r.outdated); err != nil {
		return 0, err
	}
	families, err := registry.Gather()
	for _, family := range families {
		for _, series := range family.GetMetric() {
			if series.GetLabel()[0].GetValue() == "later" {
				n = int(series.GetCounter().GetValue())
			}
		}
	}
	return n, err
}
