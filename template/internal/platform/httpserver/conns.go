package httpserver

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// freshFor is how long a new connection may take to send its first request once the server stops.
	freshFor = time.Second
	sweep    = 10 * time.Millisecond
)

// conns knows the open connections of a server and what they are doing.
type conns struct {
	mu   sync.Mutex
	open map[net.Conn]conn
}

type conn struct {
	state http.ConnState
	since time.Time
}

func newConns() *conns {
	return &conns{open: make(map[net.Conn]conn)}
}

// observe is http.Server.ConnState.
func (c *conns) observe(key net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.open, key)
		return
	}
	c.open[key] = conn{state: state, since: time.Now()}
}

// settle waits until no connection has a request in flight or on its way, or until ctx ends.
func (c *conns) settle(ctx context.Context) {
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	for !c.settled() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// settled reports whether all connections are idle. It closes those that were opened a while ago and never used, as
// proxies and browsers do in advance: http.Server.Shutdown would wait five seconds for each.
func (c *conns) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	settled := true
	for key, conn := range c.open {
		switch {
		case conn.state == http.StateIdle:
		case conn.state == http.StateNew && time.Since(conn.since) > freshFor:
			_ = key.Close() // the server notices and forgets it
			delete(c.open, key)
		default:
			settled = false
		}
	}
	return settled
}
