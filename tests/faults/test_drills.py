"""Drills: what they measure, what they refuse, and that a real service recovers from each without losing an order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from service_tasks.engine.config.settings import Environment, read_settings
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.drill.drills import Wanted, allow, judge
from service_tasks.engine.drill.load import Load, Sample, recovery

from ..support.service import Service, docker, git

STEADY = [Sample(at / 10, at / 10 + 0.01, True) for at in range(100)]
WANTED = Wanted("kill", seconds=10, connections=4, rto_seconds=5)


# --- What is measured -----------------------------------------------------------------------------


def measured(*bad: Sample, orders: int = 3) -> Load:
    """A load that was answered every tenth of a second for ten seconds, but for some requests."""
    load = Load("http://localhost:1", 4)
    load.samples = [sample for sample in STEADY if not any(b.begin <= sample.begin <= b.end for b in bad)] + [*bad]
    load.orders = [str(number) for number in range(orders)]
    return load


def failed(begin: float, end: float) -> Sample:
    return Sample(begin, end, answered=False)


def passed(load: Load, missing: int | None = 0, wanted: Wanted = WANTED) -> bool:
    return judge(wanted, load, missing, ("orders", "staging", "app")).passed


def test_nothing_that_failed_is_nothing_to_recover_from() -> None:
    assert recovery(STEADY) == 0


def test_recovery_is_from_the_first_failure_to_the_first_answer_after_the_last() -> None:
    load = measured(failed(2.05, 2.1), failed(4.05, 4.15))

    assert recovery(load.samples) == pytest.approx(4.21 - 2.05)


def test_an_answer_that_came_late_counts_as_away_and_not_as_lost() -> None:
    report = judge(WANTED, measured(Sample(2.05, 5.0, answered=True)), 0, ("orders", "staging", "app"))

    assert (report.lost, report.late, report.slowest_seconds) == (0, 1, 2.95)
    assert report.recovered_seconds == pytest.approx(3.06, abs=0.01)


@pytest.mark.parametrize("last", [failed(9.0, 9.5), failed(3.0, 9.99)], ids=["a second before", "until the end"])
def test_a_service_that_fails_at_the_end_has_not_recovered(last: Sample) -> None:
    assert recovery(measured(last).samples) is None
    assert not passed(measured(last))


def test_a_drill_is_passed_within_the_objective_and_not_beyond_it() -> None:
    load = measured(failed(2.0, 6.0))

    assert passed(load)
    assert not passed(load, wanted=replace(WANTED, rto_seconds=4))


def test_an_order_that_is_missing_fails_a_drill_that_lost_no_request() -> None:
    assert passed(measured(), missing=0)
    assert passed(measured(), missing=None)
    assert not passed(measured(), missing=1)


def test_a_switch_of_releases_must_not_lose_a_request() -> None:
    redeploy = replace(WANTED, name="redeploy")

    assert passed(measured(), wanted=redeploy)
    assert not passed(measured(failed(2.0, 2.1)), wanted=redeploy)


def test_a_drill_in_which_no_order_was_placed_proves_nothing() -> None:
    assert not passed(measured(orders=0))


def test_production_is_drilled_by_those_who_say_so() -> None:
    with pytest.raises(UsageFault, match="breaks prod on purpose") as refusal:
        allow(Environment("prod"), "drill.kill", yes_in_production=False)

    assert "--yes-in-production" in refusal.value.remedy
    allow(Environment("prod"), "drill.kill", yes_in_production=True)


def test_the_process_target_is_not_drilled(make_service: Callable[..., Service]) -> None:
    done = make_service("process", database="none").invoke("drill.kill", "--env=staging")

    assert done.returncode == 2
    assert "drill.kill needs the docker target, and staging has the target process" in done.stderr


def test_the_objective_is_a_setting_with_a_default() -> None:
    data = {"service": "orders", "environments": {"staging": {}}}

    assert read_settings(data).rto_seconds == 28
    assert read_settings({**data, "rto_seconds": "2.5"}).rto_seconds == 2.5
    with pytest.raises(UsageFault, match="rto_seconds: 'soon' is not a number of seconds"):
        read_settings({**data, "rto_seconds": "soon"})


# --- On a real engine -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("docker")
    made.deploy()
    return made


@pytest.fixture(autouse=True)
def well(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a drill the same release serves, and nothing stands frozen."""
    if "service" not in request.fixturenames:
        yield
        return
    service: Service = request.getfixturevalue("service")
    before = service.status()["release"]["id"]
    yield
    after = service.status()
    assert (after["state"], after["release"]["id"]) == ("serving", before)
    assert "Paused" not in docker("ps", "--filter", f"name={service.folder.name}", "--format", "{{.Status}}").stdout


def drill(service: Service, name: str, *words: str) -> dict[str, Any]:
    """Run a short drill that has to be passed."""
    done = service.invoke(
        f"drill.{name}", "--env=staging", "--json", "--seconds=6", "--connections=8", *words, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert (report["drill"], report["env"], report["passed"]) == (name, "staging", True)
    assert report["orders_acknowledged"] > 20
    assert report["requests"] > 2 * 20
    assert report["orders_missing"] == 0
    return report


def live(service: Service) -> str:
    """The container of the slot that serves."""
    slot = next(slot["slot"] for slot in service.status()["slots"] if slot["state"] == "running")
    return f"{service.folder.name}-staging-app-{slot}-1"


def restarts(container: str) -> int:
    return int(docker("inspect", "--format", "{{.RestartCount}}", container).stdout)


@pytest.mark.docker
@pytest.mark.slow
def test_a_killed_slot_is_started_again_by_the_engine(service: Service) -> None:
    container = live(service)
    before = restarts(container)

    report = drill(service, "kill")

    assert report["container"] == container
    assert restarts(container) == before + 1
    assert report["lost"] + report["late"] > 0
    assert 0 < report["recovered_seconds"] < report["rto_seconds"] == 28


@pytest.mark.docker
@pytest.mark.slow
def test_a_frozen_slot_is_noticed_by_those_who_wait(service: Service) -> None:
    report = drill(service, "pause")

    assert report["container"] == live(service)
    assert report["lost"] + report["late"] > 0
    assert report["recovered_seconds"] > 1


@pytest.mark.docker
@pytest.mark.slow
def test_a_slow_database_makes_answers_slow(service: Service) -> None:
    report = drill(service, "latency")

    assert report["container"] == f"{service.folder.name}-staging-database-1"
    assert report["slowest_seconds"] > 0.05


@pytest.mark.docker
@pytest.mark.slow
def test_a_restarted_database_has_every_order(service: Service) -> None:
    database = f"{service.folder.name}-staging-database-1"
    before = docker("inspect", "--format", "{{.State.StartedAt}}", database).stdout

    report = drill(service, "restart-database")

    assert report["container"] == database
    assert docker("inspect", "--format", "{{.State.StartedAt}}", database).stdout != before


@pytest.mark.docker
@pytest.mark.slow
def test_releases_are_switched_there_and_back_without_a_lost_request(service: Service) -> None:
    deployed = len(json.loads(service.invoke("history", "--env=staging", "--json").stdout))

    report = drill(service, "redeploy")

    assert report["lost"] == 0
    records = json.loads(service.invoke("history", "--env=staging", "--json").stdout)
    assert [record["action"] for record in records[: len(records) - deployed]] == ["rollback", "deploy"]


@pytest.mark.docker
@pytest.mark.slow
def test_ctrl_c_takes_the_fault_back(service: Service) -> None:
    done = service.interrupt_at("load", "drill.pause", "--env=staging", "--seconds=20")

    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.docker
def test_a_drill_is_refused_where_the_service_takes_no_orders(service: Service) -> None:
    assert service.invoke("maintenance", "--env=staging", "--on").returncode == 0
    done = service.invoke("drill.kill", "--env=staging")
    assert service.invoke("maintenance", "--env=staging", "--off").returncode == 0

    assert done.returncode == 5
    assert "the service does not take orders" in done.stderr
    assert "POST /v1/orders: 503" in done.stderr


@pytest.mark.docker
def test_other_code_than_what_serves_is_not_deployed_by_a_drill(service: Service) -> None:
    service.commit("A commit that nobody deployed")
    done = service.invoke("drill.redeploy", "--env=staging")
    git(service.folder, "reset", "--quiet", "--hard", "HEAD^")

    assert done.returncode == 2
    assert "a drill must not deploy other code" in done.stderr


@pytest.mark.docker
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--env=prod",), "drill.kill breaks prod on purpose"),
        (("--env=staging", "--seconds=soon"), "not a number of seconds"),
        (("--env=staging", "--connections=1"), "is not between 2 and 200"),
    ],
)
def test_what_cannot_be_meant_is_refused(service: Service, words: tuple[str, ...], what: str) -> None:
    done = service.invoke("drill.kill", *words)

    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr
