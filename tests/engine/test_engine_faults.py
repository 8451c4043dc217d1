"""What happens to a running release when its engine is stopped or its disk is full: on an engine of the tests' own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.routes import LEVEL

from ..support.engines import SecondEngine, ServiceThere
from ..support.sampling import some_of
from ..support.service import Service
from ..support.strikes import Strike, history, level_of, next_level, slot_states, with_levels
from ..support.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(service_there: Callable[..., ServiceThere]) -> ServiceThere:
    made = service_there()
    with_levels(made)
    return made


def test_a_full_disk_is_told_before_anything_is_built(service: ServiceThere, engine: SecondEngine) -> None:
    before = service.get("/version")
    with engine.filled(left=100 * 1024**2):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 3
    assert "MB left, and a deploy needs 512 MB" in done.stderr
    assert "docker builder prune" in done.stderr
    assert service.get("/version") == before


def test_a_disk_that_fills_up_while_the_image_is_built_is_told_as_such(
    service: ServiceThere, engine: SecondEngine
) -> None:
    before = service.get("/version")
    service.edit("api/openapi.yaml", "openapi: 3.1", "# full\nopenapi: 3.1")
    with engine.filled(left=1024**2):
        done = service.invoke("image", "--env=staging")

    assert done.returncode == 4
    assert "there is no space left for the image" in done.stderr
    assert service.get("/version") == before


def test_with_the_engine_stopped_a_deploy_says_so_and_the_release_comes_back_with_it(
    service: ServiceThere, engine: SecondEngine
) -> None:
    before = service.get("/version")
    engine.stop()

    done = service.invoke("deploy", "--env=staging")
    engine.start()

    assert done.returncode == 3
    assert "no Docker engine answers" in done.stderr
    until_ready(service)
    assert service.get("/version") == before
    assert service.deploy().returncode == 0


STEPS = ("build", "image", "migrate", "start", "healthy", "admit", "drain", "retire")


@pytest.mark.parametrize("step", some_of(STEPS, ["build", "start", "admit", "retire"]))
def test_where_the_engine_stops_in_the_middle_of_a_deploy_one_release_comes_back_and_the_next_deploy_converges(
    service: ServiceThere, engine: SecondEngine, step: str
) -> None:
    before, wanted = service.get(LEVEL).body, next_level(service)
    deploy = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
    deploy.reach(step)
    engine.stop()
    done = deploy.end()
    engine.start()

    assert done.returncode == 3, done.stderr
    assert "does not answer any more" in done.stderr or "no Docker engine answers" in done.stderr
    assert "Traceback" not in done.stderr
    until_ready(service)
    serving = service.get(LEVEL).body
    assert serving == level_of(service, service.status()["release"])
    assert serving in ({wanted} if step in ("drain", "retire") else {before, wanted} if step == "admit" else {before})
    wanted = next_level(service)
    service.deploy("--lock-wait=60", f"--set=LOG_LEVEL={wanted}")
    assert service.get(LEVEL).body == wanted
    assert slot_states(service) == ["running", "stopped"]
    assert {each["outcome"] for each in history(service)} <= {"done", "failed"}


@pytest.mark.parametrize("step", some_of(["migrate", "start", "healthy", "admit"], ["migrate", "admit"]))
def test_where_the_disk_fills_up_in_the_middle_of_a_deploy_one_release_serves_and_the_next_deploy_converges(
    service: ServiceThere, engine: SecondEngine, step: str
) -> None:
    before, wanted = service.get(LEVEL).body, next_level(service)
    deploy = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
    deploy.reach(step)
    deploy.stand_still()
    with engine.filled(left=0):
        deploy.go_on()
        done = deploy.end()
        during = service.get(LEVEL).body

    if done.returncode:
        assert "no space left on device" in done.stderr
        assert "docker builder prune" in done.stderr
        assert "the former release still serves" in done.stderr
    assert during == service.get(LEVEL).body == level_of(service, service.status()["release"])
    assert during == (before if done.returncode == 5 else wanted)
    wanted = next_level(service)
    service.deploy(f"--set=LOG_LEVEL={wanted}")
    assert service.get(LEVEL).body == wanted
    assert {each["outcome"] for each in history(service)} <= {"done", "failed"}


def until_ready(service: Service) -> None:
    """Wait until the engine has brought a release back."""
    until(lambda: service.get("/readyz").status == 200, "no release came back")
