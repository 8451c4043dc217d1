package guard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("it is down")

// question asks the database.
func (s *service) question(took time.Duration, err error) error {
	return s.guard.Do(s.t.Context(), "database", func(err error) bool { return errors.Is(err, errDown) },
		func(context.Context) error {
			time.Sleep(took)
			return err
		})
}

func TestADependencyThatFailsIsLeftAloneAndThenTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, `{"circuitBreaker": [{"resource": "database", "strategy": "errorRatio", "threshold": 0.5,
			"minRequestAmount": 10, "statIntervalMs": 10000, "retryTimeoutMs": 2000}]}`)
		for range 9 {
			_ = s.question(0, errDown)
		}
		if err := s.question(0, errors.New("no such row")); errors.Is(err, errDown) {
			t.Error("it is left alone before it was asked ten times")
		}
		if err := s.question(0, nil); err != nil {
			t.Errorf("what is no failure of the database opens its breaker: %v", err)
		}
		_ = s.question(0, errDown)

		var rejected *Rejection
		if err := s.question(0, nil); !errors.As(err, &rejected) || rejected.RetryAfter != 2*time.Second {
			t.Fatalf("got %v, want a rejection", err)
		}
		time.Sleep(2001 * time.Millisecond)
		if err := s.question(0, nil); err != nil {
			t.Errorf("it is not tried again: %v", err)
		}
		if err := s.question(0, nil); err != nil {
			t.Errorf("it is well, and left alone: %v", err)
		}
	})
}

const afterTwoFailures = `{"circuitBreaker": [{"resource": "database", "strategy": "errorRatio", "threshold": 1,
	"minRequestAmount": 2, "retryTimeoutMs": 2000}]}`

func TestATimeThatIsOverIsAFailureAndAClientThatHasGoneIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, afterTwoFailures)
		hang := func(ctx context.Context) error {
			return s.guard.Do(ctx, "database", func(error) bool { return false }, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		}
		var rejected *Rejection
		for range 5 {
			gone, leave := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, leave)
			if err := hang(gone); errors.As(err, &rejected) {
				t.Fatal("clients that have gone open the breaker")
			}
		}

		for range 2 {
			bounded, cancel := context.WithTimeout(t.Context(), time.Second)
			_ = hang(bounded)
			cancel()
		}

		if err := s.question(0, nil); !errors.As(err, &rejected) {
			t.Errorf("got %v, want a rejection", err)
		}
	})
}

func TestAPanicWhileItIsTriedLeavesADependencyToBeTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, afterTwoFailures)
		for range 2 {
			_ = s.question(0, errDown)
		}
		time.Sleep(2001 * time.Millisecond)
		func() {
			defer func() { _ = recover() }()
			_ = s.guard.Do(t.Context(), "database", func(error) bool { return false }, func(context.Context) error { panic("oh") })
		}()

		if err := s.question(0, nil); err != nil {
			t.Errorf("it is not tried again: %v", err)
		}
	})
}

func TestADependencyThatIsSlowIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, `{"circuitBreaker": [
			{"resource": "database", "strategy": "errorRatio", "threshold": 0.5},
			{"resource": "database", "strategy": "slowRequestRatio", "threshold": 0.5, "minRequestAmount": 4, "maxAllowedRtMs": 100}]}`)
		for range 4 {
			if err := s.question(150*time.Millisecond, nil); err != nil {
				t.Fatal(err)
			}
		}

		var rejected *Rejection
		if err := s.question(0, nil); !errors.As(err, &rejected) {
			t.Errorf("got %v, want a rejection", err)
		}
	})
}
