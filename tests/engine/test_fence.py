"""A task that stands still right before a command wakes when another deployer serves, and takes nothing from it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ..support.gates import Gate, gate
from ..support.service import Service, docker
from ..support.strikes import idle_slot, lost, next_level, served_levels, slot_states, under_load, until, with_levels

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SERVED = "PUT containers/*/archive"
"""The last but one command of a deploy, its record; what comes after gives back what nobody needs."""
FULL_ROUNDS = 2
REMOVE, RENAME, START, STOP, END = (
    "DELETE containers/*",
    "POST containers/*/rename",
    "POST containers/*/start",
    "POST containers/*/stop",
    "POST containers/*/kill",
)


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = with_levels(make_service("docker", database="none"))
    made.deploy(f"--set=LOG_LEVEL={next_level(made)}")
    return made


def lock_of(service: Service) -> str:
    return f"{service.folder.name}-staging-lock"


def lock_id(service: Service) -> str:
    return docker("inspect", "--format", "{{.Id}}", lock_of(service)).stdout.strip() or "no lock"


@contextmanager
def gated(service: Service, before: str, turn: int = 1) -> Iterator[Gate]:
    """What is started meanwhile goes to the engine through a gate."""
    with gate(service.folder.parent, lambda: lock_id(service), before, turn) as way:
        yield way


def commands_of(service: Service, *words: str) -> list[str]:
    """All that a task says to the engine that changes something there."""
    with gated(service, "") as way:
        done = through(service, way, *words).communicate(timeout=180)
    assert way.commands, done
    return way.commands


def through(service: Service, way: Gate, *words: str) -> subprocess.Popen[str]:
    service.env["DOCKER_HOST"] = way.endpoint
    try:
        return service.start(words[0], "--env=staging", *words[1:])
    finally:
        del service.env["DOCKER_HOST"]


def woken(service: Service, before: str, turn: int, words: list[str], meanwhile: Callable[[], object]) -> int:
    """Let a task stand still before a command, take its lock, do something else, and wake it; gives its exit code."""
    with gated(service, before, turn) as way:
        late = through(service, way, *words)
        until(lambda: way.reached.is_set() or late.poll() is not None, f"{before} does not come")
        assert way.reached.is_set(), f"{before} does not come: {way.commands}, {late.communicate()}"
        docker("rm", "--force", lock_of(service))
        meanwhile()
        with under_load(service) as load:
            way.open()
            out, errors = late.communicate(timeout=180)
        assert lost(load) == 0, errors
    if late.returncode == 6:
        assert "the deploy lock was removed, or taken over by another deploy" in errors, out + errors
    return late.returncode


def serves_alone(service: Service, level: str) -> None:
    assert served_levels(service) == {level}
    assert slot_states(service) in (["running", "stopped"], ["empty", "running"])
    names = docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={service.folder.name}").stdout.split()
    own = {f"{service.folder.name}-staging-{part}-1" for part in ("app-blue", "app-green", "edge")}
    assert set(names) <= own, "a container is still claimed, or nobody's"


def deployed_meanwhile(service: Service, before: str, turn: int, *words: str) -> int:
    """Another deployer deploys while a task stands still: it serves, alone, after the task has ended."""
    wanted = next_level(service)
    code = woken(service, before, turn, list(words), lambda: service.deploy(f"--set=LOG_LEVEL={wanted}"))
    serves_alone(service, wanted)
    return code


@pytest.mark.parametrize(
    ("before", "turn"),
    [
        ("edge claim", 1),
        ("POST volumes/create", 1),
        (RENAME, 1),
        (REMOVE, 1),
        ("POST containers/create", 2),
        (START, 1),
        (SERVED, 1),
        ("POST containers/*/update", 1),
        ("POST containers/*/update", 2),
        (END, 1),
    ],
)
def test_a_deploy_that_wakes_before_a_command_takes_nothing_from_what_serves(
    service: Service, before: str, turn: int
) -> None:
    assert deployed_meanwhile(service, before, turn, "deploy", f"--set=LOG_LEVEL={next_level(service)}") == 6


@pytest.mark.parametrize("state", ["maint", "drain", "ready"])
def test_a_deploy_that_wakes_before_it_tells_the_front_door_something_is_not_heeded(
    service: Service, state: str
) -> None:
    idle = idle_slot(service)
    words = ("deploy", f"--set=LOG_LEVEL={next_level(service)}")

    assert deployed_meanwhile(service, f"edge set server app/{idle} state {state}", 1, *words) == 6


@pytest.mark.parametrize("before", [START, END])
def test_a_rollback_that_wakes_before_a_command_takes_nothing_from_what_serves(service: Service, before: str) -> None:
    assert deployed_meanwhile(service, before, 1, "rollback") == 6


@pytest.mark.parametrize(("before", "turn"), [(RENAME, 1), (STOP, 2), (REMOVE, 1), ("DELETE networks/*", 1)])
def test_a_stack_that_is_taken_down_too_late_stays_up(service: Service, before: str, turn: int) -> None:
    assert deployed_meanwhile(service, before, turn, "down") == 6


@pytest.mark.parametrize("before", ["POST containers/*/pause", "POST containers/*/unpause"])
def test_a_drill_that_wakes_too_late_breaks_nothing(service: Service, before: str) -> None:
    assert deployed_meanwhile(service, before, 1, "drill.pause", "--seconds=3") == 6


def test_a_drill_that_wakes_too_late_kills_nothing(service: Service) -> None:
    assert deployed_meanwhile(service, START, 1, "drill.kill", "--seconds=3") == 6


@pytest.mark.parametrize("before", ["edge set map /var/lib/edge/maintenance.map state on", "POST exec/*/start"])
def test_maintenance_that_is_turned_on_too_late_stays_off(service: Service, before: str) -> None:
    def off() -> None:
        assert service.invoke("maintenance", "--env=staging", "--off").returncode == 0

    assert woken(service, before, before.count("exec") + 1, ["maintenance", "--on"], off) == 6

    assert docker("restart", f"{service.folder.name}-staging-edge-1").returncode == 0
    until(lambda: service.get("/v1/orders").status == 200, "the restarted front door does not serve")


@pytest.mark.full
@pytest.mark.parametrize("words", [("deploy",), ("rollback",)], ids=" ".join)
def test_before_every_single_command_it_may_stand_still(service: Service, words: tuple[str, ...]) -> None:
    def options() -> list[str]:
        return [f"--set=LOG_LEVEL={next_level(service)}"] if words == ("deploy",) else []

    for _ in range(FULL_ROUNDS):
        idle = idle_slot(service)
        commands = commands_of(service, *words, *options())
        for number, command in enumerate(commands[1:-1], start=1):
            service.deploy(f"--set=LOG_LEVEL={next_level(service)}")
            turn = commands[: number + 1].count(command)
            now = command if idle_slot(service) == idle else with_slots_exchanged(command)
            code = deployed_meanwhile(service, now, turn, *words, *options())
            assert code == 6 or SERVED not in commands[number:], f"{command}, {turn}"


def with_slots_exchanged(command: str) -> str:
    """What a command is for the other slot: which one is idle depends on how often was switched."""
    return re.sub("blue|green", lambda name: {"blue": "green", "green": "blue"}[name[0]], command)
