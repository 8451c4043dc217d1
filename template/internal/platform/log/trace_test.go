package log

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
)

func TestARecordNamesTheTraceOfItsContext(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(traced{slog.NewJSONHandler(&out, nil)}).With(slog.String("service", "svc"))
	ctx := WithTrace(t.Context(), Trace{ID: "4bf92f3577b34da6a3ce929d0e0e4736", Span: "00f067aa0ba902b7"})

	logger.InfoContext(ctx, "with")
	logger.InfoContext(t.Context(), "without")
	logger.WithGroup("group").InfoContext(ctx, "grouped", slog.Int("n", 1))

	decoder := json.NewDecoder(&out)
	for _, want := range []string{"4bf92f3577b34da6a3ce929d0e0e4736", ""} {
		var record struct {
			TraceID string `json:"trace_id"`
			SpanID  string `json:"span_id"`
			Service string `json:"service"`
		}
		if err := decoder.Decode(&record); err != nil || record.TraceID != want || record.Service != "svc" {
			t.Errorf("got %+v, %v", record, err)
		}
	}
}
