package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// ShutdownTimeout is how long requests in flight may take once the process stops. It is longer than any request may
// take; DRAIN_LEAD and it must fit into the time that the orchestrator gives.
const ShutdownTimeout = 20 * time.Second

var errInterrupted = errors.New("stopped at once by a second signal")

// Listeners are the open ports of a process.
type Listeners struct {
	API, Admin net.Listener
}

// Listen opens both ports, given as host:port. It comes before all else: a port that is taken ends the start with
// nothing done. The error names the variable.
func Listen(ctx context.Context, api, admin string) (Listeners, error) {
	opened, err := listenTo(ctx, "HTTP_PORT", api)
	if err != nil {
		return Listeners{}, err
	}
	second, err := listenTo(ctx, "ADMIN_PORT", admin)
	if err != nil {
		return Listeners{}, errors.Join(err, opened.Close())
	}
	return Listeners{API: opened, Admin: second}, nil
}

func listenTo(ctx context.Context, variable, address string) (net.Listener, error) {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", address)
	if err != nil {
		_, port, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("%s: cannot listen to port %s: %w", variable, port, err)
	}
	return listener, nil
}

// Close closes both ports.
func (l Listeners) Close() error { return errors.Join(l.API.Close(), l.Admin.Close()) }

// Servers is what answers between the start of a process and its stop.
type Servers struct {
	API    *Server
	Admin  *http.Server
	Health interface{ Drain() } // is told that the process stops
	Logger *slog.Logger
	Lead   time.Duration // from saying so until no more is answered
}

// Run serves until a signal comes or a server fails, and then stops.
func (s *Servers) Run(ctx context.Context, l Listeners, signals <-chan os.Signal) error {
	failed := make(chan error, 2)
	go func() { failed <- s.API.Serve() }()
	go func() {
		if err := s.Admin.Serve(l.Admin); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve %s: %w", l.Admin.Addr(), err)
		}
	}()
	s.Logger.LogAttrs(ctx, slog.LevelInfo, "listening",
		slog.String("http", l.API.Addr().String()), slog.String("admin", l.Admin.Addr().String()))

	select {
	case err := <-failed:
		return err
	case signal := <-signals:
		if signal == os.Interrupt {
			s.Lead = 0 // at a terminal, or drained already: nobody has to notice
		}
		s.Logger.LogAttrs(ctx, slog.LevelInfo, "draining",
			slog.String("signal", signal.String()), slog.String("lead", s.Lead.String()))
		return s.stop(ctx, signals)
	}
}

// stop ends the servers without losing a request: say that the process goes, let clients notice, then finish what is
// in flight. A second signal ends it at once.
func (s *Servers) stop(ctx context.Context, signals <-chan os.Signal) error {
	s.Health.Drain()
	s.API.Drain()
	select {
	case <-time.After(s.Lead):
	case <-signals:
		return errInterrupted
	}

	ctx, cancel := context.WithTimeout(ctx, ShutdownTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.API.Shutdown(ctx) }()
	select {
	case err := <-done:
		return errors.Join(err, s.Admin.Close())
	case <-signals:
		return errInterrupted
	}
}
