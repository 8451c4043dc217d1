package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	// idleTimeout is longer than proxies keep an unused upstream connection (usually 60 s), so that it is the proxy
	// that closes it and no request meets a connection that is just being closed.
	idleTimeout    = 75 * time.Second
	maxHeaderBytes = 64 << 10
)

// Server is an HTTP server that stops without losing a request. Make it with New.
type Server struct {
	http     *http.Server
	listener net.Listener
	conns    *conns
	draining atomic.Bool
	stopping context.Context // ends with the first moment of Shutdown, and answers that go on with it
	stop     context.CancelFunc
}

// stoppingKey finds the server's stopping in a request's context.
type stoppingKey struct{}

// New returns a server that answers on listener with handler, with bounded times and sizes. What net/http has to
// complain about goes to logger.
func New(listener net.Listener, handler http.Handler, logger *slog.Logger) *Server {
	s := &Server{listener: listener, conns: newConns()}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s.closeWhileDraining(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.conns.observe,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), stoppingKey{}, s.stopping)
		},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Serve answers requests until Shutdown, which makes it return nil.
func (s *Server) Serve() error {
	err := s.http.Serve(s.listener)
	if s.stopping.Err() != nil {
		return nil
	}
	return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
}

// Drain adds "Connection: close" to every answer from now on, so that clients go elsewhere with their next request.
// The server still takes new connections. (SetKeepAlivesEnabled(false) would close idle connections at once, and a
// request that is just being sent on one of them would be lost.)
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops taking connections, answers what is in flight or on its way, and returns. When ctx ends first, the
// connections that are left are closed and the error says so.
//
// http.Server.Shutdown alone drops requests: from its first moment on, one that has not been read yet gets no answer.
// So the listener is closed first, and Shutdown comes when all connections are idle.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	s.Drain()
	closed := s.listener.Close()
	s.conns.settle(ctx)
	if err := s.http.Shutdown(ctx); err != nil && ctx.Err() != nil {
		return fmt.Errorf("requests were still running: %w", errors.Join(err, s.http.Close()))
	}
	if closed != nil {
		return fmt.Errorf("close the listener: %w", closed)
	}
	return nil
}

func (s *Server) closeWhileDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&drainWriter{ResponseWriter: w, draining: &s.draining}, r)
	})
}

// drainWriter decides when the header is sent, not when the request comes: an answer in the making when the drain
// begins is told too.
type drainWriter struct {
	http.ResponseWriter
	draining *atomic.Bool
}

// WriteHeader sends the header. gin calls it before it writes any body.
func (w *drainWriter) WriteHeader(status int) {
	if w.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush sends what is buffered; gin asks for http.Flusher.
func (w *drainWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // as http.Flusher, it has nobody to tell
}

// Hijack hands over the connection, as for a WebSocket; gin asks for http.Hijacker.
func (w *drainWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// CloseNotify tells that the client is gone; gin asks for http.CloseNotifier in its own Stream.
func (w *drainWriter) CloseNotify() <-chan bool {
	if conn, ok := w.ResponseWriter.(interface{ CloseNotify() <-chan bool }); ok {
		return conn.CloseNotify()
	}
	return nil
}

// Unwrap is for http.ResponseController.
func (w *drainWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
