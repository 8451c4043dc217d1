package config

import (
	"maps"
	"strings"
	"testing"
)

func TestHeadersOfTheCollectorAreReadAsOpenTelemetryHasThem(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                          {},
		"api-key=secret":            {"api-key": "secret"},
		"a=1, b = two%20words ,c==": {"a": "1", "b": "two words", "c": "="},
	} {
		if got, err := ParseHeaders(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestSettingsOfTracingThatCannotBeUsedAreRefusedWithoutTheirSecrets(t *testing.T) {
	for entry, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318": "OTEL_EXPORTER_OTLP_ENDPOINT: has a value that cannot be used",
		"OTEL_EXPORTER_OTLP_HEADERS=hunter2":         "OTEL_EXPORTER_OTLP_HEADERS: has a value that cannot be used",
		"OTEL_TRACES_SAMPLER_ARG=2":                  `OTEL_TRACES_SAMPLER_ARG: "2" cannot be used`,
		"OTEL_TRACES_SAMPLER_ARG=half":               `OTEL_TRACES_SAMPLER_ARG: "half" cannot be used`,
	} {
		_, err := Load(minimal(entry), "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", entry, err)
		}
	}
}
