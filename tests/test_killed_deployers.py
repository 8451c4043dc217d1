"""A deployer that is killed at any step: the service goes on serving, and the next deploy converges by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .strikes import Strike, history, lost, next_level, served_levels, status_level, under_load, with_levels
from .support import Service

pytestmark = [pytest.mark.docker, pytest.mark.slow]

STEPS = ("check", "build", "image", "ship", "migrate", "start", "healthy", "admit", "verify", "drain", "retire", "record")
AFTER_SWITCH = ("drain", "retire", "record")


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_leaves_a_release_serving_and_the_next_deploy_converges(
    service: Service, step: str
) -> None:
    before = status_level(service)
    wanted = next_level(service)
    with under_load(service) as load:
        deploy = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
        deploy.reach(step)
        deploy.kill()

        serving = served_levels(service)
        named = status_level(service)
        outcomes = [each["outcome"] for each in history(service)]
        done = service.deploy(f"--set=LOG_LEVEL={wanted}")

    slots = [slot["state"] for slot in service.status()["slots"]]
    print(step, before, wanted, serving, named, outcomes[0], done.stdout)
    assert lost(load) == 0
    assert serving == {named}
    assert served_levels(service) == {wanted} == {status_level(service)}
    assert sorted(slots) == ["running", "stopped"]
    assert "took over the lock of" in done.stdout
