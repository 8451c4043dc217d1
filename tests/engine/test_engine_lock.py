"""The lock of an environment on its engine: one deployer at a time, and none that is stuck locks the others out."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

import pytest

from ..support.service import Service, docker
from ..support.strikes import Strike, next_level, served_levels, slot_states, until, with_levels

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


def lock_of(service: Service) -> str:
    return f"{service.folder.name}-staging-lock"


def is_held(service: Service) -> bool:
    return docker("inspect", lock_of(service)).returncode == 0


def deploying(service: Service, step: str) -> tuple[Strike, str]:
    """A deploy that stands still at the beginning of a step, and the log level that it is to bring."""
    wanted = next_level(service)
    under_way = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
    under_way.reach(step)
    under_way.stand_still()
    return under_way, wanted


def test_a_second_deploy_is_told_who_holds_the_lock_and_changes_nothing(service: Service) -> None:
    first, wanted = deploying(service, "start")
    before = service.status()

    second = service.invoke("deploy", "--env=staging", "--set=LOG_LEVEL=error")

    assert second.returncode == 6
    for part in ("deploy --env=staging", f"@{socket.gethostname()}", f"process {first.process.pid}", "--lock-wait"):
        assert part in second.stderr
    assert service.status() == before
    first.go_on()
    assert first.end().returncode == 0
    assert served_levels(service) == {wanted}


def test_a_deploy_that_waits_begins_when_the_other_has_ended(service: Service) -> None:
    first, _ = deploying(service, "start")
    wanted = next_level(service)
    second = service.start("deploy", "--env=staging", "--lock-wait=100", f"--set=LOG_LEVEL={wanted}")
    first.go_on()

    assert first.end().returncode == 0
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert served_levels(service) == {wanted}
    assert not is_held(service)


@pytest.mark.parametrize("step", ["build", "migrate", "healthy"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_deploy_that_is_interrupted_gives_the_lock_back(service: Service, step: str, sign: signal.Signals) -> None:
    before = served_levels(service)
    first = Strike(service, "deploy", f"--set=LOG_LEVEL={next_level(service)}")
    first.reach(step)
    assert is_held(service)
    os.kill(first.process.pid, sign)

    done = first.end()

    assert done.returncode == 5, done.stderr
    assert "the deploy was interrupted" in done.stderr
    assert not is_held(service)
    assert served_levels(service) == before


def test_a_deployer_that_was_silent_for_too_long_is_taken_over_and_does_no_more_when_it_wakes(service: Service) -> None:
    first, _ = deploying(service, "start")
    wanted = next_level(service)

    second = service.deploy("--lock-wait=60", f"--set=LOG_LEVEL={wanted}")
    first.go_on()
    late = first.end()

    assert "took over the lock of deploy --env=staging by " in second.stdout
    assert "it was not renewed for " in second.stdout
    assert late.returncode == 6
    assert "the deploy lock was removed, or taken over by another deploy" in late.stderr
    assert served_levels(service) == {wanted}
    assert slot_states(service) == ["running", "stopped"]


def test_a_deployer_whose_lock_was_removed_by_hand_does_not_switch(service: Service) -> None:
    before = served_levels(service)
    first, _ = deploying(service, "start")
    docker("rm", "--force", lock_of(service))
    first.go_on()

    done = first.end()

    assert done.returncode == 6
    assert "the deploy lock was removed" in done.stderr
    assert served_levels(service) == before
    service.deploy()
    until(lambda: slot_states(service) == ["running", "stopped"], "the slots are not tidy")
