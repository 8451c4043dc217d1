package log

import (
	"context"
	"log/slog"
)

// Trace names what a record is part of, across services (W3C Trace Context).
type Trace struct {
	ID   string // 32 hexadecimal digits
	Span string // 16, of who does the work at hand
}

type traceKey struct{}

// WithTrace has every record that is logged with the context name its trace.
func WithTrace(ctx context.Context, trace Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// traced adds the trace of a record's context to the record.
type traced struct{ slog.Handler }

// Handle adds trace_id and span_id.
func (h traced) Handle(ctx context.Context, record slog.Record) error {
	if trace, known := ctx.Value(traceKey{}).(Trace); known {
		record.AddAttrs(slog.String("trace_id", trace.ID), slog.String("span_id", trace.Span))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs returns a handler whose records have attrs too.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup returns a handler whose records have their attributes in a group.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
