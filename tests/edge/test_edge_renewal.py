"""The front door is made anew only where somebody says so, and never from what would not start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from ..support.service import Service, docker, kept

pytestmark = pytest.mark.slow

FILES = {"docker": "edge/haproxy.cfg", "process": "edge/process/main.go"}
COMMENT = {"docker": "# Ours.\n", "process": "// Ours.\n"}


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    made = make_service(request.param, database="none")
    made.deploy()
    return made


@pytest.fixture
def changed(service: Service) -> Iterator[str]:
    """The front door's file, with a line more, until the end of the test."""
    target = service.status()["target"]
    path = service.folder / FILES[target]
    with kept(path):
        path.write_text(COMMENT[target] + path.read_text())
        yield FILES[target]


def door(service: Service) -> str:
    """Which container or process the front door is."""
    container = docker("inspect", "--format={{.Id}}", f"{service.folder.name}-staging-edge-1").stdout.strip()
    process = service.state / "copier-gin" / f"{service.folder.name}-staging" / "edge.process"
    return process.read_text() if process.exists() else container


def planned(service: Service, *options: str) -> dict[str, object]:
    """The plan of a deploy."""
    done = service.invoke("deploy", "--env=staging", "--plan", "--json", *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_a_front_door_that_would_be_the_same_is_planned_as_it_is(service: Service) -> None:
    assert planned(service)["edge"] == "as it is"
    assert "front door" not in service.deploy().stdout


def test_a_front_door_that_would_be_another_is_told_and_stays(service: Service, changed: str) -> None:
    before = door(service)

    plan, done = planned(service), service.deploy()

    assert "--edge makes it anew" in str(plan["edge"])
    assert "the front door stays as it was made" in done.stdout
    assert door(service) == before


def test_a_front_door_is_made_anew_where_that_is_wanted_and_finds_the_release(service: Service, changed: str) -> None:
    before, version = door(service), service.get("/version").body

    plan = planned(service, "--edge")
    assert door(service) == before
    service.deploy("--edge")

    assert plan["steps"][0] == "edge"  # type: ignore[index]
    assert door(service) != before
    assert service.get("/version").body == version
    assert planned(service)["edge"] == "as it is"


def test_a_front_door_that_would_not_start_is_refused_and_the_one_that_runs_serves(service: Service) -> None:
    before, version = door(service), service.get("/version").body
    path = service.folder / FILES[service.status()["target"]]
    with kept(path):
        path.write_text(path.read_text() + "no such word\n")
        line = path.read_text().count("\n")
        done = service.invoke("deploy", "--env=staging", "--edge")

    assert done.returncode == 4
    assert "the front door does not build" in done.stderr
    assert f"{path.name}:{line}" in done.stderr
    assert door(service) == before
    assert service.get("/version").body == version
