package guard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Strategies of a circuit breaker: what it counts as a reason to open.
const (
	ErrorRatio       = "errorRatio"
	SlowRequestRatio = "slowRequestRatio"
)

// What a rule has that does not say otherwise.
const (
	defaultStatInterval  = time.Second
	defaultBreakerWindow = 10 * time.Second
	defaultRetryTimeout  = 5 * time.Second
	defaultMinRequests   = 20
	maxInterval          = time.Hour
)

// Rules is a set of rules. The names of fields are those of Sentinel, where it has them.
type Rules struct {
	Flow           []FlowRule           `json:"flow,omitempty"`
	Isolation      []IsolationRule      `json:"isolation,omitempty"`
	CircuitBreaker []CircuitBreakerRule `json:"circuitBreaker,omitempty"`
}

// FlowRule bounds how often a route is asked for, by each process of the service.
type FlowRule struct {
	Resource         string  `json:"resource"`                   // a route: POST /v1/orders
	Threshold        float64 `json:"threshold"`                  // requests per StatIntervalInMs
	StatIntervalInMs int64   `json:"statIntervalInMs,omitempty"` // 1000 without it
	Burst            int     `json:"burst,omitempty"`            // requests at once after a silence; Threshold without it
}

// IsolationRule bounds how many requests for a route are worked on at the same time.
type IsolationRule struct {
	Resource  string `json:"resource"`
	Threshold int    `json:"threshold"`
	// MaxAllowedRtMs makes the bound a lower one while answers take longer than this on average, down to a single request.
	MaxAllowedRtMs int64 `json:"maxAllowedRtMs,omitempty"`
}

// CircuitBreakerRule leaves a dependency alone for a while when it fails or is slow.
type CircuitBreakerRule struct {
	Resource         string  `json:"resource"` // a dependency: database
	Strategy         string  `json:"strategy"` // ErrorRatio or SlowRequestRatio
	Threshold        float64 `json:"threshold"`
	MinRequestAmount uint32  `json:"minRequestAmount,omitempty"` // 20 without it: fewer say nothing
	StatIntervalMs   int64   `json:"statIntervalMs,omitempty"`   // 10000 without it
	RetryTimeoutMs   int64   `json:"retryTimeoutMs,omitempty"`   // 5000 without it: then one request shows how it is
	MaxAllowedRtMs   int64   `json:"maxAllowedRtMs,omitempty"`   // what is slow
}

// Resources are what rules can be about.
type Resources struct {
	Routes       []string // METHOD and template: GET /v1/orders/:id
	Dependencies []string
}

// Parse reads a set of rules and checks all of it. The error names every fault.
func Parse(text []byte, known Resources) (Rules, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var rules *Rules
	err := decoder.Decode(&rules)
	switch {
	case errors.Is(err, io.EOF), err == nil && rules == nil:
		return Rules{}, errors.New("there is nothing in it")
	case err != nil:
		return Rules{}, inWords(err, text)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Rules{}, errors.New("something follows the rules")
	}
	return *rules, rules.check(known)
}

// inWords says what a decoder has found wrong in text, and where.
func inWords(err error, text []byte) error {
	line := func(offset int64) int { return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n")) }
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is cut off")
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d is no JSON: %w", line(syntax.Offset), err)
	case errors.As(err, &kind):
		expected := map[reflect.Kind]string{
			reflect.Float64: "a number", reflect.Int: "a whole number", reflect.String: "a text", reflect.Slice: "a list",
		}
		name := cmp.Or(kind.Field, "all of it")
		return fmt.Errorf("line %d: %s is %s, expected %s", line(kind.Offset), name, kind.Value,
			cmp.Or(expected[kind.Type.Kind()], "an object"))
	}
	return err
}

// check returns everything that is wrong with rules.
func (r Rules) check(known Resources) error {
	var faults []error
	seen := map[string]bool{}
	fault := func(list string, i int, format string, values ...any) {
		faults = append(faults, fmt.Errorf("%s[%d]: "+format, append([]any{list, i}, values...)...))
	}
	about := func(list string, i int, resource, kind, strategy string, among []string) {
		if !slices.Contains(among, resource) {
			fault(list, i, "resource %q is no %s of this service: there are %s", resource, kind, strings.Join(among, ", "))
		}
		if seen[list+strategy+resource] {
			fault(list, i, "resource %q has such a rule already", resource)
		}
		seen[list+strategy+resource] = true
	}
	within := func(list string, i int, name string, ms int64) {
		if ms < 0 || ms > maxInterval.Milliseconds() {
			fault(list, i, "%s is %d: it can be 1 to %d", name, ms, maxInterval.Milliseconds())
		}
	}
	for i, rule := range r.Flow {
		about("flow", i, rule.Resource, "route", "", known.Routes)
		within("flow", i, "statIntervalInMs", rule.StatIntervalInMs)
		if math.IsNaN(rule.Threshold) || rule.Threshold <= 0 || rule.Threshold > 1e9 {
			fault("flow", i, "threshold is %v: it has to be more than 0", rule.Threshold)
		}
		if rule.Burst < 0 {
			fault("flow", i, "burst is %d: it has to be 1 or more", rule.Burst)
		}
	}
	for i, rule := range r.Isolation {
		about("isolation", i, rule.Resource, "route", "", known.Routes)
		within("isolation", i, "maxAllowedRtMs", rule.MaxAllowedRtMs)
		if rule.Threshold < 1 {
			fault("isolation", i, "threshold is %d: it has to be 1 or more", rule.Threshold)
		}
	}
	for i, rule := range r.CircuitBreaker {
		about("circuitBreaker", i, rule.Resource, "dependency", rule.Strategy, known.Dependencies)
		within("circuitBreaker", i, "statIntervalMs", rule.StatIntervalMs)
		within("circuitBreaker", i, "retryTimeoutMs", rule.RetryTimeoutMs)
		within("circuitBreaker", i, "maxAllowedRtMs", rule.MaxAllowedRtMs)
		if !(rule.Threshold > 0 && rule.Threshold <= 1) {
			fault("circuitBreaker", i, "threshold is %v: it is a ratio, more than 0 and at most 1", rule.Threshold)
		}
		switch {
		case rule.Strategy != ErrorRatio && rule.Strategy != SlowRequestRatio:
			fault("circuitBreaker", i, "strategy is %q: it can be %s or %s", rule.Strategy, ErrorRatio, SlowRequestRatio)
		case rule.Strategy == SlowRequestRatio && rule.MaxAllowedRtMs == 0:
			fault("circuitBreaker", i, "maxAllowedRtMs says what is slow, and is missing")
		}
	}
	return errors.Join(faults...)
}

// interval returns a time in milliseconds, or what holds without one.
func interval(ms int64, otherwise time.Duration) time.Duration {
	if ms == 0 {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}
