"""A profile of what a release does under load is what the next builds are optimised by."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable

import pytest

from ..support.service import Service

pytestmark = pytest.mark.slow


@pytest.fixture(
    scope="module", params=[pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.full]), "process"]
)
def service(make_service: Callable[..., Service], request: pytest.FixtureRequest) -> Service:
    """A service that is deployed."""
    made = make_service(request.param, database="none")
    made.deploy()
    return made


def test_a_profile_is_taken_under_load_and_the_next_build_has_it(service: Service) -> None:
    taken = service.invoke("pgo", "--env=staging", "--seconds=2")
    profile = service.folder / "cmd" / service.folder.name / "default.pgo"
    built = service.invoke("build", "--env=prod", timeout=600)

    assert taken.returncode == 0, taken.stdout + taken.stderr
    assert "requests of 8 connections" in taken.stdout
    assert b"ServeHTTP" in gzip.decompress(profile.read_bytes())
    assert built.returncode == 0, built.stdout + built.stderr
    binary = service.folder / "dist" / f"{service.folder.name}-prod"
    settings = subprocess.run(["go", "version", "-m", str(binary)], capture_output=True, text=True, check=True).stdout
    assert f"-pgo={profile}" in settings or "default.pgo" in settings


def test_what_cannot_be_profiled_is_told(service: Service) -> None:
    down = service.invoke("pgo", "--env=dev")
    prod = service.invoke("pgo", "--env=prod")
    wrong = service.invoke("pgo", "--env=staging", "--connections=1")

    assert (down.returncode, prod.returncode, wrong.returncode) == (5, 2, 2)
    assert "--yes-in-production" in prod.stderr
    assert "--connections" in wrong.stderr
