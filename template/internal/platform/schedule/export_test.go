package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// steps are times that have a step between them, the same on every host.
type steps time.Duration

// Next implements cron.Schedule.
func (s steps) Next(t time.Time) time.Time { return t.Truncate(time.Duration(s)).Add(time.Duration(s)) }

// Each lets a scheduler's job run every step, as a test has no minutes to wait.
func (s *Scheduler) Each(step time.Duration) { s.times = steps(step) }

var _ cron.Schedule = steps(0)
