// Package health answers the probes: is the process alive, has it started, should it get requests.
package health

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	checkTimeout = time.Second // for each check; they run at the same time
	cacheFor     = time.Second // so that many probes cost as much as one
)

// Check is one thing that the service uses in order to answer requests. Run returns nil if it is there; it gets a
// context that ends after a second.
type Check struct {
	Name     string
	Optional bool // without it the service is ready, but degraded
	Run      func(ctx context.Context) error
}

// Result is the outcome of one check.
type Result struct {
	Status string `json:"status"` // "ok" or "failed"
	Error  string `json:"error,omitempty"`
}

// Report is the body of a probe's answer.
type Report struct {
	Status string            `json:"status"`
	Checks map[string]Result `json:"checks,omitempty"`
}

// Health knows the state of the service. Make it with New.
type Health struct {
	checks   []Check
	draining atomic.Bool
	started  atomic.Bool

	mu      sync.Mutex // held while the checks run: probes that come meanwhile share the result
	last    map[string]Result
	lastOK  bool
	expires time.Time
}

// New returns the health of a service that needs all of checks but the optional ones.
func New(checks ...Check) *Health {
	return &Health{checks: checks}
}

// Drain makes the service not ready from now on. It stays alive.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining reports whether Drain was called.
func (h *Health) Draining() bool { return h.draining.Load() }

// IsProbe reports whether a route is one of the probes, which come every few seconds.
func IsProbe(route string) bool {
	return route == "/livez" || route == "/readyz" || route == "/startupz"
}

// Register adds the probes to r: /livez, /readyz and /startupz.
func (h *Health) Register(r gin.IRouter) {
	r.GET("/livez", h.live)
	r.GET("/readyz", h.ready)
	r.GET("/startupz", h.startup)
}

// live is 200 as long as the process can answer at all. It looks at nothing else: restarting the service does not
// repair a database.
func (h *Health) live(c *gin.Context) {
	answer(c, http.StatusOK, Report{Status: "live"})
}

// ready is 200 if every check passes that is not optional, 503 with the reasons if not, and 503 while draining.
func (h *Health) ready(c *gin.Context) {
	if h.Draining() {
		answer(c, http.StatusServiceUnavailable, Report{Status: "draining"})
		return
	}
	results, ok := h.run(c.Request.Context())
	switch {
	case !ok:
		answer(c, http.StatusServiceUnavailable, Report{Status: "unavailable", Checks: results})
	case degraded(results):
		answer(c, http.StatusOK, Report{Status: "degraded", Checks: results})
	default:
		answer(c, http.StatusOK, Report{Status: "ready", Checks: results})
	}
}

// startup is 503 until every check that is not optional has passed once, then 200 for good.
func (h *Health) startup(c *gin.Context) {
	if !h.started.Load() {
		if results, ok := h.run(c.Request.Context()); !ok {
			answer(c, http.StatusServiceUnavailable, Report{Status: "starting", Checks: results})
			return
		}
	}
	answer(c, http.StatusOK, Report{Status: "started"})
}

// run returns the results of all checks, at most a second old, and whether all passed that are not optional.
func (h *Health) run(ctx context.Context) (map[string]Result, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.expires) {
		return h.last, h.lastOK
	}

	// The results are for everyone who asks, so a caller that hangs up must not spoil them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	h.last = runAll(ctx, h.checks)
	h.lastOK = passed(h.checks, h.last)
	h.expires = time.Now().Add(cacheFor)
	if h.lastOK {
		h.started.Store(true)
	}
	return h.last, h.lastOK
}

// runAll runs the checks side by side. One that has not answered when ctx ends has failed.
func runAll(ctx context.Context, checks []Check) map[string]Result {
	type outcome struct {
		name string
		err  error
	}
	outcomes := make(chan outcome, len(checks))
	results := make(map[string]Result, len(checks))
	for _, check := range checks {
		results[check.Name] = Result{Status: "failed", Error: "no answer within " + checkTimeout.String()}
		go func() { outcomes <- outcome{check.Name, check.Run(ctx)} }()
	}

	for range checks {
		select {
		case <-ctx.Done():
			return results
		case o := <-outcomes:
			if o.err != nil {
				results[o.name] = Result{Status: "failed", Error: strings.Join(strings.Fields(o.err.Error()), " ")}
				continue
			}
			results[o.name] = Result{Status: "ok"}
		}
	}
	return results
}

func passed(checks []Check, results map[string]Result) bool {
	for _, check := range checks {
		if !check.Optional && results[check.Name].Status != "ok" {
			return false
		}
	}
	return true
}

func degraded(results map[string]Result) bool {
	for _, result := range results {
		if result.Status != "ok" {
			return true
		}
	}
	return false
}

func answer(c *gin.Context, status int, report Report) {
	c.Header("Cache-Control", "no-store")
	c.JSON(status, report)
}
