"""Fixtures: a service that is deployed, on either target."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.service import Service

DATABASES = {"docker": "postgres", "process": "sqlite"}


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def target(request: pytest.FixtureRequest) -> str:
    """Each target in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def service(target: str, make_service: Callable[..., Service]) -> Service:
    """A service that serves its first release; a file that is about one target has a fixture `target` of its own."""
    made = make_service(target, database=DATABASES[target])
    made.deploy()
    return made
