package guard

import (
	"strconv"
	"time"
)

// patience is how long something may take on a loaded machine.
const patience = 30 * time.Second

// rulesOf is a set of rules that can be told by its threshold.
func rulesOf(threshold int) string {
	return `{"isolation": [{"resource": "POST /things", "threshold": ` + strconv.Itoa(threshold) + `}]}`
}

// inForce returns the threshold of the rules in force.
func (s *service) inForce() int {
	return s.guard.current.Load().isolation["POST /things"].rule.Threshold
}

// until waits until the rules in force have a threshold.
func (s *service) until(threshold int) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); s.inForce() != threshold; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the rules in force are %d, want %d", s.inForce(), threshold)
		}
	}
}
