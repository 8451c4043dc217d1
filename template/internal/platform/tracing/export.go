package tracing

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// toldExporter counts what becomes of spans, and tells once when the collector does not take them any more, and once when
// it does again.
type toldExporter struct {
	sdk.SpanExporter
	logger *slog.Logger
	spans  *prometheus.CounterVec
	away   atomic.Bool
}

// ExportSpans hands spans over.
func (e *toldExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		e.spans.WithLabelValues("failed").Add(float64(len(spans)))
		if !e.away.Swap(true) {
			e.logger.LogAttrs(ctx, slog.LevelWarn, "the collector does not take spans, which are dropped",
				slog.String("error", err.Error()))
		}
		return err
	}
	e.spans.WithLabelValues("exported").Add(float64(len(spans)))
	if e.away.Swap(false) {
		e.logger.LogAttrs(ctx, slog.LevelInfo, "the collector takes spans again")
	}
	return nil
}

// countedProcessor counts the spans that are to be exported.
type countedProcessor struct {
	ended prometheus.Counter
	sdk.SpanProcessor
}

// OnEnd counts a span.
func (p countedProcessor) OnEnd(span sdk.ReadOnlySpan) {
	if span.SpanContext().IsSampled() {
		p.ended.Inc()
	}
	p.SpanProcessor.OnEnd(span)
}
