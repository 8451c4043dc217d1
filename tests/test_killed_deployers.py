"""A deployer that is killed at any step: the service goes on serving, and the next deploy converges by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .strikes import (
    Strike,
    history,
    idle_slot,
    lost,
    next_level,
    served_levels,
    slot_states,
    status_level,
    under_load,
    with_levels,
)
from .support import Service, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow]

BEFORE = ("check", "build", "image", "ship", "migrate", "start", "healthy", "admit")
AFTER = ("drain", "retire", "record")


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


def kill_at(service: Service, step: str, *words: str, task: str = "deploy") -> None:
    """Kill a task as soon as a step of it begins."""
    under_way = Strike(service, task, *words)
    under_way.reach(step)
    under_way.kill()


@pytest.mark.parametrize("step", [*BEFORE, "verify", *AFTER])
def test_killed_at_a_step_it_leaves_a_release_serving_and_the_next_deploy_converges(
    service: Service, step: str
) -> None:
    before, wanted = served_levels(service), next_level(service)
    with under_load(service) as load:
        kill_at(service, step, f"--set=LOG_LEVEL={wanted}")

        serving, named = served_levels(service), status_level(service)
        done = service.deploy(f"--set=LOG_LEVEL={wanted}")

    assert lost(load) == 0
    assert serving == {named}
    assert serving == {wanted} if step in AFTER else serving <= {wanted, *before}
    if step in BEFORE[:-1]:
        assert serving == before
    assert "took over the lock of deploy --env=staging by " in done.stdout
    assert served_levels(service) == {wanted} == {status_level(service)}
    assert slot_states(service) == ["running", "stopped"]
    assert {each["outcome"] for each in history(service)} <= {"done", "failed"}
