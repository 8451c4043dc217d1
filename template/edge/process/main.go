// Command process is the front door of the process target: a small HTTP proxy in front of two slots on one machine.
//
// It does what HAProxy does for the docker target: requests go to one slot, a switch takes effect from one request to
// the next without closing a client's connection, and the requests in flight on each slot are counted.
// It is driven over a Unix socket: GET / tells the state, PUT / replaces the slots' addresses and names the active one.
// While the file that -maintenance names is there, every request is answered with 503.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// slot is one place where a release can run.
type slot struct {
	Address  string `json:"address"`
	InFlight int64  `json:"in_flight"`
}

// state is the JSON document of the control socket.
type state struct {
	Active string          `json:"active"`
	Slots  map[string]slot `json:"slots"`
}

// upstream is a slot that requests can be sent to.
type upstream struct {
	address  string
	proxy    *httputil.ReverseProxy
	inFlight atomic.Int64
}

// door sends every request to the active upstream.
type door struct {
	mu          sync.RWMutex
	active      string
	upstreams   map[string]*upstream
	maintenance string
}

// page is what browsers get during maintenance.
//
//go:embed maintenance.html
var page []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address of the front door")
	control := flag.String("control", "", "path of the control socket")
	maintenance := flag.String("maintenance", "", "path of the file that is there during maintenance")
	flag.Parse()
	if err := run(*listen, *control, *maintenance); err != nil {
		slog.Error("front door ended", slog.String("error", err.Error()))
		os.Exit(1)
	}
}

// run serves both listeners until SIGTERM and lets the requests under way finish.
func run(listen, control, maintenance string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	var listeners net.ListenConfig
	front, err := listeners.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	if err := os.Remove(control); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the former control socket: %w", err)
	}
	back, err := listeners.Listen(ctx, "unix", control)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", control, err)
	}
	d := &door{upstreams: map[string]*upstream{}, maintenance: maintenance}
	public := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	private := &http.Server{Handler: http.HandlerFunc(d.control), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- public.Serve(front) }()
	go func() { failed <- private.Serve(back) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(err, public.Shutdown(grace), private.Close())
}

// ServeHTTP passes a request on to the slot that is active at this moment.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.closedTo(r) {
		closed(w, r)
		return
	}
	up := d.enter()
	if up == nil {
		unavailable(w, "Service Unavailable", "no release is serving", "1")
		return
	}
	defer up.inFlight.Add(-1)
	up.proxy.ServeHTTP(w, r)
}

// closedTo tells whether maintenance is on and the request is not a probe of the tasks.
func (d *door) closedTo(r *http.Request) bool {
	if r.Header.Get("X-Copier-Gin-Probe") != "" && isProbe(r.URL.Path) {
		return false
	}
	_, err := os.Stat(d.maintenance)
	return err == nil
}

// enter picks the active upstream and counts the request before a switch can see the slot as idle.
func (d *door) enter() *upstream {
	d.mu.RLock()
	defer d.mu.RUnlock()
	up := d.upstreams[d.active]
	if up != nil {
		up.inFlight.Add(1)
	}
	return up
}

// control answers the tasks.
func (d *door) control(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		var wanted state
		if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := d.replace(wanted); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(d.state()); err != nil {
		slog.WarnContext(r.Context(), "control answer not written", slog.String("error", err.Error()))
	}
}

// replace takes over addresses and the active slot; an upstream whose address stays keeps its connections.
func (d *door) replace(wanted state) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := wanted.Slots[wanted.Active]; wanted.Active != "" && !known {
		return fmt.Errorf("active slot %q has no address", wanted.Active)
	}
	for name, s := range wanted.Slots {
		if up := d.upstreams[name]; up != nil && up.address == s.Address {
			continue
		}
		d.upstreams[name] = newUpstream(s.Address)
	}
	d.active = wanted.Active
	return nil
}

func (d *door) state() state {
	d.mu.RLock()
	defer d.mu.RUnlock()
	now := state{Active: d.active, Slots: map[string]slot{}}
	for name, up := range d.upstreams {
		now.Slots[name] = slot{Address: up.address, InFlight: up.inFlight.Load()}
	}
	return now
}

func newUpstream(address string) *upstream {
	target := &url.URL{Scheme: "http", Host: address}
	return &upstream{
		address: address,
		proxy: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.SetXForwarded()
				r.Out.Host = r.In.Host
			},
			// Shorter than the service's idle timeout (75 s), so that it is never the service that hangs up first.
			Transport: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				slog.WarnContext(r.Context(), "slot does not answer",
					slog.String("address", address), slog.String("error", err.Error()))
				unavailable(w, "Service Unavailable", "the service does not answer", "1")
			},
		},
	}
}

// isProbe reports whether a path changes nothing: during maintenance the tasks get its answer, with a header that says who
// asks.
func isProbe(path string) bool {
	switch path {
	case "/livez", "/readyz", "/startupz", "/version":
		return true
	}
	return false
}

// closed answers during maintenance: with a page for browsers, else with a problem document.
func closed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !strings.Contains(strings.ToLower(r.Header.Get("Accept")), "text/html") {
		unavailable(w, "Maintenance", "the service is under maintenance", "120")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Retry-After", "120")
	w.WriteHeader(http.StatusServiceUnavailable)
	if _, err := w.Write(page); err != nil {
		slog.DebugContext(r.Context(), "page not written", slog.String("error", err.Error()))
	}
}

// unavailable answers with a problem document (RFC 9457), and the seconds after which a new try makes sense.
func unavailable(w http.ResponseWriter, title, detail, seconds string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", seconds)
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintf(w, `{"title":%q,"status":503,"detail":%q}`+"\n", title, detail)
}
