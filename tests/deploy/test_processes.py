"""What a service runs beside `serve`: deployed, watched and rolled back with the release, on either target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ..support.relay import TYPES, add_processes, at_work, told
from ..support.service import Service, change

pytestmark = pytest.mark.slow
RELAY = "internal/app/relay.go"


@pytest.fixture(scope="module")
def service(target: str, make_service: Callable[..., Service]) -> Service:
    """A service whose second release has processes beside the service, which its first had not."""
    made = make_service(target, database="none")
    made.deploy()
    add_processes(made)
    made.commit("Add a relay and a mailer")
    made.deploy()
    return made


def processes(service: Service) -> dict[str, dict[str, Any]]:
    """What status says of each process."""
    return {each["process"]: each for each in service.status()["processes"]}


def version(service: Service) -> str:
    """The version that serves."""
    return str(service.get("/version").body["version"])


@contextmanager
def working(service: Service) -> Iterator[None]:
    """In the end the processes of what serves work, and no others."""
    yield
    serves = version(service)
    assert at_work(service, "relay") == [serves]
    assert at_work(service, "mailer") == [serves, serves]
    assert service.status()["state"] == "serving"


def test_status_shows_each_process_of_the_release_that_serves(service: Service) -> None:
    release = service.status()["release"]["id"]

    shown = processes(service)

    counts = ("replicas", "running", "healthy", "release")
    assert [shown["relay"][name] for name in counts] == [1, 1, 1, release]
    assert [shown["mailer"][name] for name in counts] == [2, 2, 2, release]
    assert "mailer" in service.invoke("status", "--env=staging").stdout


def test_a_process_that_stops_first_never_works_beside_one_of_another_release(service: Service) -> None:
    change(service)
    with working(service):
        service.deploy()

    events = [each.event for each in told(service, "relay")]
    assert events == ["begins", "ends"] * (len(events) // 2) + ["begins"]


def test_a_process_that_starts_first_leaves_no_moment_without_one(service: Service) -> None:
    change(service)
    with working(service):
        service.deploy()

    count, counts = 0, []
    for each in told(service, "mailer"):
        count += 1 if each.event == "begins" else -1
        counts.append(count)
    assert min(counts[1:]) >= 1


def test_a_process_that_exits_at_its_start_fails_the_deploy_and_the_former_ones_work_on(service: Service) -> None:
    before = service.get("/version").body
    service.edit(RELAY, "startsWell = true", "startsWell = false")

    with working(service):
        done = service.invoke("deploy", "--env=staging")
        service.edit(RELAY, "startsWell = false", "startsWell = true")

    assert done.returncode == 5
    assert "exited at its start (exit code 2)" in done.stderr
    assert "the relay has nothing to do" in done.stderr
    assert service.get("/version").body == before


def test_a_rollback_returns_to_the_processes_of_the_former_release(service: Service) -> None:
    before = version(service)
    change(service)
    service.deploy()

    with working(service):
        done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert version(service) == before


def test_a_deployer_that_is_killed_meanwhile_leaves_what_the_next_one_puts_right(service: Service) -> None:
    change(service)
    process = service.start("deploy", "--env=staging")
    assert process.stdout
    seen = next((line for line in process.stdout if " healthy " in line), None)
    process.kill()
    process.wait()
    assert seen

    with working(service):
        service.deploy()


def test_a_plan_shows_what_becomes_of_each_process(service: Service) -> None:
    service.edit("invoke.yaml", "    replicas: 2", "    replicas: 3")
    done = service.invoke("deploy", "--env=staging", "--plan", "--json")
    service.edit("invoke.yaml", "    replicas: 3", "    replicas: 2")

    plan = json.loads(done.stdout)

    name = service.folder.name
    assert plan["processes"] == {
        "relay": f"1 × {name} relay, stop-first",
        "mailer": f"2 × {name} mailer, start-first → 3 × {name} mailer, start-first",
    }
    assert "processes" in plan["steps"]


def test_a_process_that_is_taken_out_ends_with_the_next_deploy(service: Service) -> None:
    types = TYPES.replace("SERVICE", service.folder.name)
    service.edit("invoke.yaml", types, "")
    service.deploy()
    gone = (at_work(service, "relay"), at_work(service, "mailer"), service.status()["processes"])

    done = service.invoke("rollback", "--env=staging")

    assert gone == ([], [], [])
    assert done.returncode == 0, done.stderr
    assert at_work(service, "relay") == [version(service)]


@pytest.mark.parametrize("drill", ["kill", "pause"])
def test_a_process_that_a_drill_breaks_recovers_and_no_request_is_lost(
    service: Service, target: str, drill: str
) -> None:
    done = service.invoke(f"drill.{drill}", "--env=staging", "--process=relay", "--seconds=6", "--json")

    if target == "process":
        assert (done.returncode, done.stdout) == (2, "")
        return
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (report["lost"], report["passed"]) == (0, True)
    assert "-relay-" in report["container"]
    assert processes(service)["relay"]["healthy"] == 1


def test_a_drill_names_the_processes_that_there_are(service: Service) -> None:
    done = service.invoke("drill.kill", "--env=staging", "--process=rely")

    assert done.returncode == 2
    assert "relay" in done.stderr
