"""Releases are told apart, kept and forgotten alike, whichever image store an engine has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ..support.engines import SecondEngine, ServiceThere
from ..support.service import Service, docker
from ..support.strikes import history, next_level, with_levels
from .conftest import MakeEngine

pytestmark = [pytest.mark.docker, pytest.mark.slow]
KEPT = 5


@pytest.fixture(scope="module", params=[True, False], ids=["containerd", "graph drivers"])
def engine(request: pytest.FixtureRequest, second_engine: MakeEngine) -> Iterator[SecondEngine]:
    with second_engine(containerd_snapshotter=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def service(engine: SecondEngine, make_service: Callable[..., Service]) -> ServiceThere:
    made = make_service("docker", kind=ServiceThere, database="none")
    assert isinstance(made, ServiceThere)
    made.engine = engine
    with_levels(made)
    return made


def images(service: ServiceThere) -> list[str]:
    """The names of the service's images."""
    listed = docker("--host", service.engine.host, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout
    return [name for name in listed.split() if name.startswith(f"{service.folder.name}:")]


def test_deploying_the_same_again_is_nothing_to_do(service: ServiceThere) -> None:
    service.deploy()
    before = service.status()

    assert "Nothing to do" in service.deploy().stdout
    assert service.status() == before


def test_another_value_of_the_same_build_can_be_rolled_back(service: ServiceThere) -> None:
    before = service.status()["release"]["id"]
    service.deploy(f"--set=LOG_LEVEL={next_level(service)}")

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.status()["release"]["id"] == before


def test_each_kept_release_has_an_image_and_no_other_has(service: ServiceThere) -> None:
    for number in range(KEPT + 1):
        service.edit("api/openapi.yaml", "openapi: 3.1", f"# {number}\nopenapi: 3.1")
        service.deploy()

    kept = {name.rpartition("staging-")[2] for name in images(service)} & {
        each["release"]["id"] for each in history(service)
    }
    assert len(kept) == KEPT
    assert service.invoke("rollback", "--env=staging", f"--to={min(kept)}").returncode == 0
    ids = docker("--host", service.engine.host, "image", "ls", "--quiet", "--no-trunc", service.folder.name).stdout
    assert len(set(ids.split())) == KEPT
