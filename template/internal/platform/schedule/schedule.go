// Package schedule runs a command of the service at the times of a cron expression: each time once, however many
// processes on however many hosts wait for it.
package schedule

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// askFor is for how long a time is claimed again and again where the database does not answer.
	askFor   = 30 * time.Second
	askAgain = time.Second
	// aliveEvery is how often a run tells the others that it goes on, and lostAfter how long they believe it.
	aliveEvery = 10 * time.Second
	lostAfter  = time.Minute
	// keptFor is how long a run can be read of.
	keptFor = 30 * 24 * time.Hour
	// noteWithin is how long the end of a run may take to be noted.
	noteWithin = 5 * time.Second
)

// MigrationsTable is where it is noted which of Migrations were applied.
const MigrationsTable = "schedule_db_version"

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the files that make the table of runs.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }

// Run is one run of a job. EndedAt and ExitCode are nil while it goes on, and for good where its host was lost.
type Run struct {
	Job       string     `json:"job"`
	DueAt     time.Time  `json:"due_at"`
	Host      string     `json:"host"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	ExitCode  *int       `json:"exit_code"`
	Lost      bool       `json:"lost"` // it has not ended, and nobody has heard of it for a minute
}

// Work runs a job's command to its end and returns its exit code. Once ctx has ended it is time to stop.
type Work func(ctx context.Context) (exitCode int, err error)

// Scheduler does the work of one job at its times. Make it with New.
type Scheduler struct {
	job    string
	host   string
	times  cron.Schedule
	runs   *Runs
	work   Work
	logger *slog.Logger
}

// New returns the scheduler of a job on a host. expression has the five fields of cron or one of its names such as
// @daily, in UTC.
func New(job, host, expression string, runs *Runs, work Work, logger *slog.Logger) (*Scheduler, error) {
	if strings.HasPrefix(expression, "@every") || strings.Contains(expression, "TZ=") {
		return nil, fmt.Errorf("the schedule %q: its times would not be the same on every host", expression)
	}
	times, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, fmt.Errorf("the schedule %q: %w", expression, err)
	}
	return &Scheduler{
		job: job, host: host, times: times, runs: runs, work: work, logger: logger.With(slog.String("job", job)),
	}, nil
}

// Run waits for one time after the other until ctx ends. Work that is under way then is told by its own ctx, and waited
// for.
func (s *Scheduler) Run(ctx context.Context) {
	for {
		due := s.times.Next(time.Now().UTC())
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
			s.take(ctx, due)
		}
	}
}

// take does the work of one time, if nobody else has taken it and nobody is still at work on the one before.
func (s *Scheduler) take(ctx context.Context, due time.Time) {
	mine, err := s.claim(ctx, due)
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelError, "the job was not run: its time could not be claimed",
			slog.Time("due_at", due), slog.String("error", err.Error()))
		return
	}
	if !mine {
		return
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "the job starts", slog.Time("due_at", due))
	code := s.worked(ctx, due)

	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	if err := s.runs.end(noting, s.job, due, code); err != nil {
		s.logger.LogAttrs(ctx, slog.LevelError, "the end of the job could not be noted", slog.String("error", err.Error()))
	}
}

// claim asks for a time for as long as the database may be away for a moment.
func (s *Scheduler) claim(ctx context.Context, due time.Time) (bool, error) {
	for {
		mine, err := s.runs.claim(ctx, s.job, due, s.host)
		if err == nil || time.Since(due) > askFor {
			return mine, err
		}
		select {
		case <-ctx.Done():
			return false, err
		case <-time.After(askAgain):
		}
	}
}

// worked does the work, tells the others meanwhile that it goes on, and returns its exit code.
func (s *Scheduler) worked(ctx context.Context, due time.Time) int {
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		for {
			select {
			case <-alive.Done():
				return
			case <-time.After(aliveEvery):
				_ = s.runs.alive(alive, s.job, due) // the next time will do
			}
		}
	}()

	started := time.Now()
	code, err := s.work(ctx)
	attrs := []slog.Attr{slog.Int("exit_code", code), slog.Duration("took", time.Since(started))}
	level, message := slog.LevelInfo, "the job is done"
	if err != nil {
		code, level, message = max(code, 1), slog.LevelError, "the job has failed"
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.logger.LogAttrs(ctx, level, message, attrs...)
	return code
}
