package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// What happens to a request that a plugin fails at.
const (
	Refuse = "refuse" // it is answered with 503
	Bypass = "bypass" // it goes on as it would without the plugin
)

// Settings say how a plugin is called. They are in NAME.json beside NAME.wasm; what is not there is as in
// DefaultSettings.
type Settings struct {
	OnFailure      string `json:"onFailure"`
	TimeLimitMs    int    `json:"timeLimitMs"`    // of each call
	MemoryLimitMiB int    `json:"memoryLimitMiB"` // of each instance
	Instances      int    `json:"instances"`      // at most: so many calls run at the same time
	// Config is handed to the plugin as it is.
	Config json.RawMessage `json:"config"`
}

// DefaultSettings are those of a plugin that comes without any. One that fails refuses requests: what it is there to
// keep out stays out. Calls take processor time and nothing else, so that few at a time are as quick as many; each instance
// keeps the most memory that it ever had.
func DefaultSettings() Settings {
	return Settings{OnFailure: Refuse, TimeLimitMs: 50, MemoryLimitMiB: 16, Instances: 4}
}

// ParseSettings reads settings and checks all of them. The error names every fault.
func ParseSettings(text []byte) (Settings, error) {
	s := DefaultSettings()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return s, fmt.Errorf("are no settings: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("something follows the settings")
	}
	return s, s.check()
}

func (s Settings) check() error {
	var faults []error
	if s.OnFailure != Refuse && s.OnFailure != Bypass {
		faults = append(faults, fmt.Errorf("onFailure is %q: it can be %s or %s", s.OnFailure, Refuse, Bypass))
	}
	for _, bound := range []struct {
		name      string
		value, to int
	}{{"timeLimitMs", s.TimeLimitMs, 10_000}, {"memoryLimitMiB", s.MemoryLimitMiB, 1024}, {"instances", s.Instances, 1024}} {
		if bound.value < 1 || bound.value > bound.to {
			faults = append(faults, fmt.Errorf("%s is %d: it can be 1 to %d", bound.name, bound.value, bound.to))
		}
	}
	return errors.Join(faults...)
}

func (s Settings) timeLimit() time.Duration { return time.Duration(s.TimeLimitMs) * time.Millisecond }

// memoryPages is the limit in units of WebAssembly: 64 KiB.
func (s Settings) memoryPages() uint32 { return uint32(s.MemoryLimitMiB) * 16 }
