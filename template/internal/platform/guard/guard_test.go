package guard

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

// service is a router with two routes behind a guard.
type service struct {
	t      *testing.T
	guard  *Guard
	router *gin.Engine
	work   func()
}

func newService(t *testing.T, rules string) *service {
	t.Helper()
	gin.SetMode(gin.TestMode)
	s := &service{t: t, guard: New(slog.New(slog.DiscardHandler), "database"), router: gin.New(), work: func() {}}
	s.router.Use(s.guard.Middleware())
	answer := func(c *gin.Context) {
		s.work()
		c.Status(http.StatusNoContent)
	}
	s.router.POST("/things", answer)
	s.router.GET("/things/:id", answer)
	s.guard.Protect(s.router.Routes())
	s.apply(rules)
	return s
}

func (s *service) apply(rules string) {
	s.t.Helper()
	if err := s.guard.Apply(s.t.Context(), []byte(rules), "a test"); err != nil {
		s.t.Fatal(err)
	}
}

// ask returns the answer to a request.
func (s *service) ask(method, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	s.router.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer
}

// passed returns how many of n requests one after the other are let through.
func (s *service) passed(n int) int {
	passed := 0
	for range n {
		if s.ask(http.MethodPost, "/things").Code == http.StatusNoContent {
			passed++
		}
	}
	return passed
}

const hundredPerSecond = `{"flow": [{"resource": "POST /things", "threshold": 100, "burst": 10}]}`

func TestARouteIsAskedForAsOftenAsItsRuleSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, hundredPerSecond)

		if got := s.passed(50); got != 10 {
			t.Errorf("%d at once, want the burst of 10", got)
		}
		time.Sleep(50 * time.Millisecond)
		if got := s.passed(50); got != 5 {
			t.Errorf("%d after 50 ms, want 5", got)
		}
		if answer := s.ask(http.MethodGet, "/things/1"); answer.Code != http.StatusNoContent {
			t.Errorf("another route answers %d", answer.Code)
		}
	})
}

func TestWhoAsksTooOftenIsToldWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, `{"flow": [{"resource": "POST /things", "threshold": 6, "statIntervalInMs": 60000, "burst": 1}]}`)
		s.passed(1)

		answer := s.ask(http.MethodPost, "/things")

		if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("got %d %s", answer.Code, answer.Header().Get("Content-Type"))
		}
		if got := answer.Header().Get("Retry-After"); got != "10" {
			t.Errorf("Retry-After is %q, want 10", got)
		}
	})
}

func TestThoseThatAreRefusedTakeNothingFromThoseThatAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, hundredPerSecond)
		s.passed(1_000)
		passed := 0
		for range 100 {
			time.Sleep(20 * time.Millisecond)
			passed += s.passed(50)
		}

		if passed != 200 {
			t.Errorf("%d in two seconds, want 200", passed)
		}
	})
}

func TestOnlySoManyRequestsAreWorkedOnAtOnce(t *testing.T) {
	s := newService(t, `{"isolation": [{"resource": "POST /things", "threshold": 2}]}`)
	entered, leave := make(chan bool, 2), make(chan bool)
	s.work = func() { entered <- true; <-leave }
	var working sync.WaitGroup
	for range 2 {
		working.Go(func() { s.ask(http.MethodPost, "/things") })
		<-entered
	}

	answer := s.ask(http.MethodPost, "/things")
	close(leave)
	working.Wait()

	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
	if got := s.passed(1); got != 1 {
		t.Error("what has left still counts")
	}
}

func TestAPanicLeavesItsPlace(t *testing.T) {
	s := newService(t, `{"isolation": [{"resource": "POST /things", "threshold": 1}]}`)
	s.work = func() { panic("oh") }
	func() {
		defer func() { _ = recover() }()
		s.ask(http.MethodPost, "/things")
	}()
	s.work = func() {}

	if got := s.passed(1); got != 1 {
		t.Error("its place is taken for ever")
	}
}

func TestFewerAreLetInWhileAnswersTakeTooLongAndMoreAgainAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, `{"isolation": [{"resource": "POST /things", "threshold": 100, "maxAllowedRtMs": 100}]}`)
		bound := func() int {
			_, bound := s.guard.current.Load().isolation["POST /things"].state()
			return bound
		}
		s.work = func() { time.Sleep(400 * time.Millisecond) }
		s.passed(30)
		if got := bound(); got > 5 {
			t.Errorf("%d are let in although each takes four times too long", got)
		}
		if got := s.passed(1); got != 1 {
			t.Error("nobody is let in any more")
		}

		s.work = func() { time.Sleep(50 * time.Millisecond) }
		s.passed(400)

		if got := bound(); got != 100 {
			t.Errorf("%d are let in, want 100 again", got)
		}
	})
}

func TestWrongRulesAreRefusedAsAWholeAndThoseInForceStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, hundredPerSecond)
		s.passed(10)
		for rules, want := range map[string]string{
			"":                "nothing in it",
			"null":            "nothing in it",
			"{\n\"flow\": [":  "it is cut off",
			"{\n\"flow\": ]}": "line 2 is no JSON",
			"{\"flow\": [\n{\"resource\": \"POST /things\", \"threshold\": \"many\"}]}": "line 2: flow.threshold is string, expected a number",
			"{\"flow\": {}}": "line 1: flow is object, expected a list",
			"[]":             "line 1: all of it is array, expected an object",
			`{"flow": [{"resource": "POST /things", "treshold": 1}]}`:                                        `"treshold"`,
			`{"flow": [{"resource": "POST /thing", "threshold": 1}]}`:                                        "POST /things",
			`{"flow": [{"resource": "POST /things", "threshold": 0}]}`:                                       "more than 0",
			`{"flow": [{"resource": "POST /things", "threshold": 1, "burst": -1}]}`:                          "burst",
			`{"flow": [{"resource": "POST /things", "threshold": 1, "statIntervalInMs": -1}]}`:               "statIntervalInMs",
			`{"flow": [{"resource": "POST /things", "threshold": 1}]} {}`:                                    "follows",
			`{"isolation": [{"resource": "POST /things", "threshold": 0}]}`:                                  "1 or more",
			`{"circuitBreaker": [{"resource": "cache", "strategy": "errorRatio", "threshold": 1}]}`:          "database",
			`{"circuitBreaker": [{"resource": "database", "strategy": "errors", "threshold": 1}]}`:           "errorRatio",
			`{"circuitBreaker": [{"resource": "database", "strategy": "slowRequestRatio", "threshold": 1}]}`: "maxAllowedRtMs",
			`{"circuitBreaker": [{"resource": "database", "strategy": "errorRatio", "threshold": 1.5}]}`:     "ratio",
		} {
			err := s.guard.Apply(t.Context(), []byte(rules), "a test")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want words with %q", rules, err, want)
			}
		}
		if got := s.passed(10); got != 0 {
			t.Errorf("%d are let through: the rules that were in force are not any more", got)
		}
	})
}

func TestARuleThatIsAsItWasGoesOnWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, hundredPerSecond)
		s.passed(10)

		s.apply(strings.Replace(hundredPerSecond, "}]}", `}], "isolation": [{"resource": "POST /things", "threshold": 5}]}`, 1))

		if got := s.passed(10); got != 0 {
			t.Errorf("%d more are let through: the burst begins anew with every set of rules", got)
		}
	})
}

func TestRulesAreInForceAllTheTimeWhileTheyAreSwapped(t *testing.T) {
	s := newService(t, `{"flow": [{"resource": "POST /things", "threshold": 0.001, "burst": 1}]}`)
	s.passed(1)
	swapping, stop := context.WithCancel(t.Context())
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for n := 0; swapping.Err() == nil; n++ {
			s.apply(`{"flow": [{"resource": "POST /things", "threshold": 0.001, "burst": 1}],
				"isolation": [{"resource": "POST /things", "threshold": ` + strconv.Itoa(1+n%5) + `}]}`)
			_ = s.guard.Apply(t.Context(), []byte("{"), "a test")
		}
	})

	passed := s.passed(2_000)
	stop()
	swapper.Wait()

	if passed != 0 {
		t.Errorf("%d got through between two sets", passed)
	}
}
