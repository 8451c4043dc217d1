"""Fixtures: services rendered once a session, and the engine that some tests need."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from maintain.base_images import choose, engine_answers
from maintain.rendering import example_answers, make_repository, render, use_target, write_local_values
from service_tasks.engine.core.network import free_port

from .support.service import Service, docker
from .support.template_versions import Template, make_template

DOCKER_REQUIRED = os.environ.get("REQUIRE_DOCKER") == "1"
LONGEST = (
    "generate/test_rendered_go.py",
    "kubernetes/test_deployers.py",
    "hosts/test_hosts.py",
    "kubernetes/test_deploys.py",
    "kubernetes/test_faults.py",
    "deploy/test_processes.py",
    "update/test_update_matrix.py",
    "deploy/test_kafka_events.py",
    "deploy/test_reconciler.py",
    "deploy/test_secrets.py",
    "kubernetes/test_processes.py",
    "deploy/test_nothing_lost.py",
    "kubernetes/test_reconciler.py",
    "engine/test_engine_faults.py",
    "faults/test_killed_deployers.py",
    "deploy/test_deploy_docker.py",
    "deploy/test_deploys.py",
    "faults/test_crashed_releases.py",
    "faults/test_drills.py",
)
"""The files that take longest, by measurement, the longest first."""
Render = Callable[..., Path]


def pytest_configure() -> None:
    """Make what tests start the same everywhere: Ctrl-C reaches it, and what one has compiled serves the others.

    A shell gives a job in the background, as CI may be, an ignored SIGINT. Go's cache tells packages of one folder from
    those of another, and what builds compile from what tests and linters do, unless all leave paths out.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["GOFLAGS"] = "-trimpath"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it in the end; skip what needs an engine."""
    unmarked: dict[Path, list[bool]] = {}
    for item in items:
        without = [item.get_closest_marker(name) is None for name in ("slow", "docker")]
        unmarked[item.path] = min(without, unmarked.get(item.path, without))
    items.sort(key=lambda item: (_rank(item.path), unmarked[item.path]))
    _skip_without_engine(items)


def _rank(path: Path) -> int:
    name = f"{path.parent.name}/{path.name}"
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def _skip_without_engine(items: list[pytest.Item]) -> None:
    """Where no engine answers, unless REQUIRE_DOCKER=1 makes that an error."""
    if DOCKER_REQUIRED or not any(item.get_closest_marker("docker") for item in items) or engine_answers():
        return
    for item in items:
        if item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.skip(reason="no Docker engine answers (REQUIRE_DOCKER=1 makes this an error)"))


@pytest.fixture(scope="session")
def base_images() -> dict[str, str]:
    """The base images that differ from the template's defaults on this machine."""
    choice = choose()
    if choice.target == "docker":
        return choice.images
    if DOCKER_REQUIRED:
        pytest.fail(choice.reason)
    pytest.skip(choice.reason)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render answers once a session; the folder is to be read only. Give answers as keywords."""
    folders: dict[tuple[tuple[str, Any], ...], Path] = {}

    def render_once(**answers: Any) -> Path:
        key = tuple(sorted(answers.items()))
        if key not in folders:
            folders[key] = render(tmp_path_factory.mktemp("rendered") / "service", {**example_answers(), **answers})
        return folders[key]

    return render_once


@pytest.fixture(scope="session")
def template_versions(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template with its made-up earlier releases; to be read only: `copy` it to release more."""
    return make_template(tmp_path_factory.mktemp("versions") / "copier-gin")


@pytest.fixture(scope="module")
def make_service(
    rendered: Render, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Service]]:
    """Make services with names and ports of their own, and take all that they left down in the end."""
    services: list[Service] = []

    def make(target: str, kind: type[Service] = Service, **answers: Any) -> Service:
        name = f"orders-{secrets.token_hex(3)}"
        base = tmp_path_factory.mktemp("service")
        folder = base / name
        # Without the guard unless it is asked for: tests send more than its rules let through.
        shutil.copytree(rendered(project_name=name, **{"guard": "none", **answers}), folder)
        use_target(folder, target)
        service = kind(folder, base / "state", free_port())
        images = request.getfixturevalue("base_images") if target == "docker" else {}
        write_local_values(folder, {**images, "EDGE_PORT": str(service.port)}, ("staging",))
        make_repository(folder)
        services.append(service)
        return service

    yield make
    for service in services:
        service.take_down()
        remove_images(service.folder.name)


def remove_images(service: str) -> None:
    """Remove the images of a service, where there is an engine."""
    if shutil.which("docker"):
        listed = docker("image", "ls", "--quiet", "--filter", f"label=copier-gin.service={service}").stdout.split()
        if listed:
            docker("image", "rm", "--force", *set(listed))
