package schedule

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Runs are the runs of all jobs, in the table that Migrations make. Make it with NewRuns.
type Runs struct {
	pool *pgxpool.Pool
}

// NewRuns returns the runs in pool's database.
func NewRuns(pool *pgxpool.Pool) *Runs { return &Runs{pool: pool} }

// Last returns the last run of each job, by name.
func (r *Runs) Last(ctx context.Context) ([]Run, error) {
	rows, err := r.pool.Query(ctx, `
		SELECT DISTINCT ON (job) job, due_at, host, started_at, ended_at, exit_code,
			ended_at IS NULL AND alive_at < clock_timestamp() - make_interval(secs => $1)
		FROM schedule_runs ORDER BY job, due_at DESC`, lostAfter.Seconds())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
}

// claim takes a time of a job for a host. It returns false where somebody else has it, or is at work on another one.
func (r *Runs) claim(ctx context.Context, job string, due time.Time, host string) (bool, error) {
	done, err := r.pool.Exec(ctx, `
		INSERT INTO schedule_runs (job, due_at, host) SELECT $1, $2, $3
		WHERE NOT EXISTS (
			SELECT FROM schedule_runs
			WHERE job = $1 AND ended_at IS NULL AND alive_at >= clock_timestamp() - make_interval(secs => $4)
		) ON CONFLICT DO NOTHING`, job, due, host, lostAfter.Seconds())
	return err == nil && done.RowsAffected() == 1, err
}

// alive notes that a run goes on.
func (r *Runs) alive(ctx context.Context, job string, due time.Time) error {
	_, err := r.pool.Exec(ctx,
		`UPDATE schedule_runs SET alive_at = clock_timestamp() WHERE job = $1 AND due_at = $2`, job, due)
	return err
}

// end notes the end of a run, and forgets those of long ago.
func (r *Runs) end(ctx context.Context, job string, due time.Time, exitCode int) error {
	_, err := r.pool.Exec(ctx, `
		UPDATE schedule_runs SET ended_at = clock_timestamp(), exit_code = $3 WHERE job = $1 AND due_at = $2`,
		job, due, exitCode)
	if err != nil {
		return err
	}
	_, err = r.pool.Exec(ctx, `
		DELETE FROM schedule_runs WHERE job = $1 AND due_at < clock_timestamp() - make_interval(secs => $2)`,
		job, keptFor.Seconds())
	return err
}
