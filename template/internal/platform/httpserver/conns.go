package httpserver

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// freshFor is how long a connection may take to send the first byte of its first request once the server stops.
	freshFor = time.Second
	sweep    = 50 * time.Millisecond
)

// freshConns knows the connections that have not sent a byte yet. http.Server.Shutdown waits five seconds for each of
// them; proxies and browsers open some in advance and never use them.
type freshConns struct {
	mu    sync.Mutex
	since map[net.Conn]time.Time
}

func newFreshConns() *freshConns {
	return &freshConns{since: make(map[net.Conn]time.Time)}
}

// observe is http.Server.ConnState: a connection is fresh until it changes its state for the first time.
func (f *freshConns) observe(conn net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == http.StateNew {
		f.since[conn] = time.Now()
	} else {
		delete(f.since, conn)
	}
}

// closeUnused closes, until stop is called, connections that are fresh for longer than freshFor. A younger one may
// have its request on the way, so it is left alone until it is old enough.
func (f *freshConns) closeUnused() (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(sweep)
		defer ticker.Stop()
		for {
			f.closeOlderThan(time.Now().Add(-freshFor))
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

func (f *freshConns) closeOlderThan(limit time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn, since := range f.since {
		if since.Before(limit) {
			_ = conn.Close() // the server notices and forgets it
			delete(f.since, conn)
		}
	}
}
