package guard

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

// set is a set of rules with what they have counted.
type set struct {
	flow      map[string]*flow
	isolation map[string]*isolation
	breakers  map[string][]*breaker
}

// next returns the set of rules that follows on before. What has not changed goes on.
func next(rules Rules, before *set) *set {
	after := &set{
		flow: map[string]*flow{}, isolation: map[string]*isolation{}, breakers: map[string][]*breaker{},
	}
	for _, rule := range rules.Flow {
		f := before.flow[rule.Resource]
		if f == nil || f.rule != rule {
			f = newFlow(rule)
		}
		after.flow[rule.Resource] = f
	}
	for _, rule := range rules.Isolation {
		i := before.isolation[rule.Resource]
		if i == nil || i.rule != rule {
			i = newIsolation(rule)
		}
		after.isolation[rule.Resource] = i
	}
	for _, rule := range rules.CircuitBreaker {
		b := before.breaker(rule)
		if b == nil {
			b = newBreaker(rule)
		}
		after.breakers[rule.Resource] = append(after.breakers[rule.Resource], b)
	}
	return after
}

// breaker returns that of a rule, or nil.
func (s *set) breaker(rule CircuitBreakerRule) *breaker {
	for _, b := range s.breakers[rule.Resource] {
		if b.rule == rule {
			return b
		}
	}
	return nil
}

// allow returns what has to be told how a question to a dependency went, or after how long it may be asked again where one
// of its circuit breakers is open.
func (s *set) allow(dependency string) (done func(took time.Duration, o outcome), retry time.Duration, ok bool) {
	var tells []func(time.Duration, outcome)
	told := func(took time.Duration, o outcome) {
		for _, tell := range tells {
			tell(took, o)
		}
	}
	for _, b := range s.breakers[dependency] {
		tell, err := b.circuit.Allow()
		if err != nil {
			told(0, abandoned)
			return nil, interval(b.rule.RetryTimeoutMs, defaultRetryTimeout), false
		}
		tells = append(tells, func(took time.Duration, o outcome) { tell(b.sign(took, o)) })
	}
	return told, 0, true
}

// flow lets a number of requests through in each interval.
type flow struct {
	rule    FlowRule
	limiter *rate.Limiter
}

func newFlow(rule FlowRule) *flow {
	perSecond := rule.Threshold / interval(rule.StatIntervalInMs, defaultStatInterval).Seconds()
	burst := rule.Burst
	if burst == 0 {
		burst = int(math.Ceil(rule.Threshold))
	}
	return &flow{rule: rule, limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// wait lets a request through, or returns after how long the next one would be.
func (f *flow) wait() time.Duration {
	if f.limiter.Allow() {
		return 0
	}
	missing := max(0, 1-f.limiter.Tokens())
	return max(time.Millisecond, time.Duration(missing/float64(f.limiter.Limit())*float64(time.Second)))
}

// isolation lets a number of requests in at the same time: fewer while their answers take too long.
type isolation struct {
	rule IsolationRule

	mu     sync.Mutex
	within int
	bound  float64
	since  time.Time // the beginning of the second that is measured
	took   time.Duration
	left   int
}

func newIsolation(rule IsolationRule) *isolation {
	return &isolation{rule: rule, bound: float64(rule.Threshold), since: time.Now()}
}

func (i *isolation) enter() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.within >= int(i.bound) {
		return false
	}
	i.within++
	return true
}

func (i *isolation) leave(took time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.within--
	i.took += took
	i.left++
	if i.rule.MaxAllowedRtMs > 0 && time.Since(i.since) >= time.Second {
		i.adapt(i.took / time.Duration(i.left))
		i.since, i.took, i.left = time.Now(), 0, 0
	}
}

// adapt lowers the bound by as much as answers take too long, at most to a half at a time, and raises it by a tenth of the
// threshold while they do not: down at once and up step by step, as TCP does it (RFC 5681, section 3.1).
func (i *isolation) adapt(average time.Duration) {
	allowed := time.Duration(i.rule.MaxAllowedRtMs) * time.Millisecond
	threshold := float64(i.rule.Threshold)
	if average > allowed {
		i.bound = max(1, i.bound*max(0.5, float64(allowed)/float64(average)))
		return
	}
	i.bound = min(threshold, i.bound+max(1, threshold/10))
}

func (i *isolation) state() (within, bound int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.within, int(i.bound)
}

// breaker opens when a dependency fails, or is slow, too often.
type breaker struct {
	rule    CircuitBreakerRule
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
}

func newBreaker(rule CircuitBreakerRule) *breaker {
	window := interval(rule.StatIntervalMs, defaultBreakerWindow)
	enough := rule.MinRequestAmount
	if enough == 0 {
		enough = defaultMinRequests
	}
	return &breaker{rule: rule, circuit: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:  1,
		Interval:     window,
		BucketPeriod: window / 10,
		Timeout:      interval(rule.RetryTimeoutMs, defaultRetryTimeout),
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			asked := counts.TotalSuccesses + counts.TotalFailures
			return asked >= enough && float64(counts.TotalFailures) >= rule.Threshold*float64(asked)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNone) },
	})}
}

// outcome is how a question to a dependency went.
type outcome int

const (
	answered outcome = iota
	failed
	abandoned // whoever asked has gone: that says nothing, unless it took too long
)

// Signs that a circuit breaker understands; nil is a good one.
var (
	errBad  = errors.New("it failed, or was slow")
	errNone = errors.New("nothing is known")
)

// sign returns what a question means to the breaker.
func (b *breaker) sign(took time.Duration, o outcome) error {
	slow := took > time.Duration(b.rule.MaxAllowedRtMs)*time.Millisecond
	switch {
	case b.rule.Strategy == SlowRequestRatio && slow, b.rule.Strategy == ErrorRatio && o == failed:
		return errBad
	case o == abandoned:
		return errNone
	}
	return nil
}
