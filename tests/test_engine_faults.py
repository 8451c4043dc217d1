"""What happens to a running release when its engine is stopped or its disk is full: on an engine of the tests' own."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from .engines import SecondEngine, ServiceThere
from .support import Service

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, base_images: dict[str, str]) -> Iterator[SecondEngine]:
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("nsenter"):
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail("a second engine needs root, dockerd and nsenter")
        pytest.skip("a second engine needs root, dockerd and nsenter")
    made = SecondEngine(tmp_path_factory.mktemp("engine"))
    try:
        made.start()
        made.load(base_images.get("GO_IMAGE", "golang:1.26"), base_images.get("EDGE_IMAGE", "haproxy:3.2"))
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def service(engine: SecondEngine, make_service: Callable[..., Service]) -> ServiceThere:
    made = make_service("docker", kind=ServiceThere, database="none")
    assert isinstance(made, ServiceThere)
    made.engine = engine
    made.deploy()
    return made


def test_a_full_disk_is_told_before_anything_is_built(service: ServiceThere, engine: SecondEngine) -> None:
    before = service.get("/version")
    with engine.filled(left=100 * 1024**2):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 3
    assert "MB left, and a deploy needs 512 MB" in done.stderr
    assert "docker system prune" in done.stderr
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
    deadline = time.monotonic() + 30
    while service.get("/readyz").status != 200:
        assert time.monotonic() < deadline
    assert service.get("/version") == before
    assert service.deploy().returncode == 0
