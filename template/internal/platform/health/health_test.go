package health

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// probe asks h and returns the status and the report.
func probe(t *testing.T, h *Health, path string) (int, Report) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	h.Register(router)
	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	var report Report
	if err := json.Unmarshal(answer.Body.Bytes(), &report); err != nil {
		t.Fatalf("%s: %v in %s", path, err, answer.Body)
	}
	return answer.Code, report
}

// forget makes the next probe run the checks again.
func forget(h *Health) { h.expires = time.Time{} }

func TestReadyFollowsTheChecks(t *testing.T) {
	var down atomic.Bool
	h := New(Check{Name: "database", Run: func(context.Context) error {
		if down.Load() {
			return errors.New("connection\nrefused")
		}
		return nil
	}})
	if code, report := probe(t, h, "/readyz"); code != 200 || report.Status != "ready" ||
		report.Checks["database"].Status != "ok" {
		t.Errorf("up: %d %+v", code, report)
	}

	down.Store(true)
	forget(h)
	code, report := probe(t, h, "/readyz")
	if code != 503 || report.Status != "unavailable" ||
		report.Checks["database"] != (Result{"failed", "connection refused"}) {
		t.Errorf("down: %d %+v", code, report)
	}
	if code, _ := probe(t, h, "/livez"); code != 200 {
		t.Errorf("alive without its database: %d", code)
	}

	down.Store(false)
	forget(h)
	if code, _ := probe(t, h, "/readyz"); code != 200 {
		t.Errorf("up again: %d", code)
	}
}

func TestAServiceIsReadyWithoutWhatIsOptional(t *testing.T) {
	database := errors.New("gone")
	h := New(
		Check{Name: "cache", Optional: true, Run: func(context.Context) error { select {} }},
		Check{Name: "database", Run: func(context.Context) error { return database }},
	)
	if code, report := probe(t, h, "/readyz"); code != 503 || report.Status != "unavailable" {
		t.Errorf("without both: %d %+v", code, report)
	}
	database = nil
	forget(h)
	if code, report := probe(t, h, "/readyz"); code != 200 || report.Status != "degraded" ||
		report.Checks["cache"].Status != "failed" {
		t.Errorf("without the cache: %d %+v", code, report)
	}
	if code, _ := probe(t, h, "/startupz"); code != 200 {
		t.Errorf("started: %d", code)
	}
}

func TestADrainingServiceIsAliveButNotReady(t *testing.T) {
	h := New()
	h.Drain()
	if code, report := probe(t, h, "/readyz"); code != 503 || report.Status != "draining" {
		t.Errorf("ready: %d %+v", code, report)
	}
	if code, _ := probe(t, h, "/livez"); code != 200 {
		t.Errorf("live: %d", code)
	}
}

func TestStartupIsDoneOnceAndForAll(t *testing.T) {
	fault := errors.New("not yet")
	h := New(Check{Name: "database", Run: func(context.Context) error { return fault }})
	if code, report := probe(t, h, "/startupz"); code != 503 || report.Checks["database"].Error != "not yet" {
		t.Errorf("starting: %d %+v", code, report)
	}
	fault = nil
	forget(h)
	if code, _ := probe(t, h, "/startupz"); code != 200 {
		t.Errorf("started: %d", code)
	}
	fault = errors.New("gone")
	forget(h)
	if code, _ := probe(t, h, "/startupz"); code != 200 {
		t.Errorf("started, then without its database: %d", code)
	}
}

func TestManyProbesRunTheChecksOnce(t *testing.T) {
	var runs atomic.Int32
	h := New(Check{Name: "database", Run: func(context.Context) error { runs.Add(1); return nil }})
	for range 20 {
		probe(t, h, "/readyz")
	}
	if runs.Load() != 1 {
		t.Errorf("the check ran %d times", runs.Load())
	}
}

func TestACheckThatHangsFailsInTime(t *testing.T) {
	h := New(
		Check{Name: "stuck", Run: func(context.Context) error { select {} }},
		Check{Name: "fine", Run: func(context.Context) error { return nil }},
	)
	start := time.Now()
	code, report := probe(t, h, "/readyz")
	if code != 503 || report.Checks["stuck"].Error != "no answer within 1s" || report.Checks["fine"].Status != "ok" {
		t.Errorf("%d %+v", code, report)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestACallerThatLeavesDoesNotSpoilTheResult(t *testing.T) {
	h := New(Check{Name: "database", Run: func(ctx context.Context) error { return ctx.Err() }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if results, ok := h.run(ctx); !ok {
		t.Errorf("got %v", results)
	}
}
