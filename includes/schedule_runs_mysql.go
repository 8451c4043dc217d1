package schedule

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Runs are the runs of all jobs, in the table that Migrations make. Make it with NewRuns.
type Runs struct {
	db *sql.DB
}

// NewRuns returns the runs in db.
func NewRuns(db *sql.DB) *Runs { return &Runs{db: db} }

// Last returns the last run of each job, by name.
func (r *Runs) Last(ctx context.Context) (runs []Run, err error) {
	rows, err := r.db.QueryContext(ctx, `
		SELECT job, due_at, host, started_at, ended_at, exit_code,
			ended_at IS NULL AND alive_at < SYSDATE(6) - INTERVAL ? SECOND
		FROM schedule_runs AS run
		WHERE due_at = (SELECT max(due_at) FROM schedule_runs WHERE job = run.job) ORDER BY job`,
		int(lostAfter.Seconds()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var run Run
		err := rows.Scan(&run.Job, &run.DueAt, &run.Host, &run.StartedAt, &run.EndedAt, &run.ExitCode, &run.Lost)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, rows.Err()
}

// claim takes a time of a job for a host. It returns false where somebody else has it, or is at work on another one.
func (r *Runs) claim(ctx context.Context, job string, due time.Time, host string) (bool, error) {
	done, err := r.db.ExecContext(ctx, `
		INSERT IGNORE INTO schedule_runs (job, due_at, host, started_at, alive_at)
		SELECT ?, ?, ?, SYSDATE(6), SYSDATE(6) FROM DUAL
		WHERE NOT EXISTS (
			SELECT 1 FROM schedule_runs
			WHERE job = ? AND ended_at IS NULL AND alive_at >= SYSDATE(6) - INTERVAL ? SECOND
		)`, job, due, host, job, int(lostAfter.Seconds()))
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

// alive notes that a run goes on.
func (r *Runs) alive(ctx context.Context, job string, due time.Time) error {
	_, err := r.db.ExecContext(ctx,
		`UPDATE schedule_runs SET alive_at = SYSDATE(6) WHERE job = ? AND due_at = ?`, job, due)
	return err
}

// end notes the end of a run, and forgets those of long ago.
func (r *Runs) end(ctx context.Context, job string, due time.Time, exitCode int) error {
	_, err := r.db.ExecContext(ctx, `
		UPDATE schedule_runs SET ended_at = SYSDATE(6), exit_code = ? WHERE job = ? AND due_at = ?`, exitCode, job, due)
	if err != nil {
		return err
	}
	_, err = r.db.ExecContext(ctx, `
		DELETE FROM schedule_runs WHERE job = ? AND due_at < SYSDATE(6) - INTERVAL ? SECOND`,
		job, int(keptFor.Seconds()))
	return err
}
