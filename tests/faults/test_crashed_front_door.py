"""A front door that dies in the middle of a deploy: the engine starts it again, and the deploy goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from bench.routes import LEVEL

from ..support.service import Service, docker
from ..support.strikes import Strike, history, next_level, slot_states, with_levels
from ..support.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


@pytest.mark.parametrize("step", ["start", "healthy", "admit", "drain"])
def test_a_front_door_that_dies_in_the_middle_of_a_deploy_is_waited_for(service: Service, step: str) -> None:
    wanted = next_level(service)
    deploy = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
    deploy.reach(step)
    deploy.stand_still()
    kill_front_door(service)
    deploy.go_on()
    done = deploy.end()

    assert done.returncode == 0, done.stderr
    until(lambda: service.get("/readyz").status == 200, "nothing serves")
    assert service.get(LEVEL).body == wanted
    assert history(service)[0]["outcome"] == "done"
    assert slot_states(service) == ["running", "stopped"]


def kill_front_door(service: Service) -> None:
    """Let its process die as if by itself."""
    label = f"label=com.docker.compose.project={service.folder.name}-staging"
    edge = docker("ps", "--quiet", "--filter", label, "--filter", "label=com.docker.compose.service=edge").stdout
    os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", edge.strip()).stdout), signal.SIGKILL)
