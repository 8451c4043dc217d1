"""Commands that a service runs by a schedule: once for all who wait for a time, with failures that status shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..support.relay import add_jobs
from ..support.service import Service, change
from ..support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.docker]


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    """A service with a job that works and one that fails, each every minute."""
    made = make_service("docker", database="postgres", jobs="scheduled")
    add_jobs(made)
    made.commit("Add jobs")
    made.deploy()
    return made


def last_runs(service: Service) -> dict[str, dict[str, Any] | None]:
    """The last run of each job, as status has it."""
    return {each["process"]: each["last_run"] for each in service.status()["processes"]}


def test_both_jobs_run_and_status_shows_what_became_of_them(service: Service) -> None:
    until(lambda: all(run and run["ended_at"] for run in last_runs(service).values()), "no job has run")

    runs = last_runs(service)
    purge, broken = runs["purge"], runs["broken"]
    assert purge and broken
    assert (purge["exit_code"], broken["exit_code"]) == (0, 3)
    assert purge["due_at"].endswith(":00Z")
    shown = service.invoke("status", "--env=staging").stdout
    assert f"done at {purge['ended_at']}" in shown
    assert "failed (exit code 3) at" in shown
    log = service.invoke("logs", "--env=staging", "--service=broken").stdout
    assert "nothing can be broken any more" in log


def test_a_time_at_which_one_release_takes_over_from_the_other_is_run_once(service: Service) -> None:
    for _ in range(3):
        change(service)
        service.deploy()
    done = service.invoke("rollback", "--env=staging")
    assert done.returncode == 0, done.stderr
    until(lambda: all(run and run["ended_at"] for run in last_runs(service).values()), "no job has run")

    rows = service.invoke(
        "exec", "--env=staging", "--service=database", "--", "psql", "--username", service.folder.name, "--tuples-only",
        "--command", "SELECT count(*) - count(DISTINCT due_at) FROM schedule_runs WHERE job = 'purge'",
    )  # fmt: skip
    assert rows.stdout.strip() == "0", rows.stdout + rows.stderr
