"""Fixtures: the load that is put on a front door."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load_client import build, find_go

from ..conftest import DOCKER_REQUIRED


@pytest.fixture(scope="session")
def load_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The load of bench/load, built once a session."""
    if not find_go() and DOCKER_REQUIRED:
        pytest.fail("there is no Go on the PATH to build the load with")
    if not find_go():
        pytest.skip("there is no Go on the PATH to build the load with (REQUIRE_DOCKER=1 makes this an error)")
    return build(tmp_path_factory.mktemp("load"))
