"""Fixtures: the template as Copier finds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.servers import PASSWORD, server
from maintain.base_images import engine_answers

from ..support.service import git
from ..support.template_versions import commit, plain_copy


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a repository of its own, with one release."""
    folder = plain_copy(tmp_path_factory.mktemp("template") / "copier-gin")
    git(folder, "init", "--quiet")
    commit(folder, tag="v1.0.0")
    return folder


@pytest.fixture(scope="session")
def untracked_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a plain folder: Copier reads it in place, which is quick."""
    return plain_copy(tmp_path_factory.mktemp("untracked"))


@pytest.fixture(scope="module")
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a PostgreSQL of this module's own."""
    with engine(request, "postgres") as port:
        yield f"postgres://dev:{PASSWORD}@127.0.0.1:{port}/dev"


@pytest.fixture(scope="module")
def mysql(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a MySQL of this module's own."""
    with engine(request, "mysql") as port:
        yield f"mysql://root:{PASSWORD}@127.0.0.1:{port}/dev"


@pytest.fixture(scope="module")
def redis(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a Redis of this module's own."""
    with engine(request, "redis") as port:
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a Kafka of this module's own."""
    with engine(request, "kafka") as port:
        yield f"kafka://127.0.0.1:{port}"


@contextmanager
def engine(request: pytest.FixtureRequest, name: str) -> Iterator[int]:
    """Run one of the engines in the docker-compose.yml at the root; gives its port on the loopback."""
    with server(name, request.getfixturevalue("base_images") if engine_answers() else {}) as port:
        yield port
