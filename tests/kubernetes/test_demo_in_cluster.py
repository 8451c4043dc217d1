"""The demo in a cluster that was named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ..hosts.remote_hosts import Registry
from ..support.demos import demo_home, left, run, start
from .cluster import CONTEXT, kubectl, variables

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path, base_images: dict[str, str]) -> dict[str, str]:
    return {**demo_home(tmp_path), **variables()}


@pytest.fixture
def words(registry: Registry) -> list[str]:
    """What leads a demo to the cluster."""
    return ["--target=kubernetes", f"--context={CONTEXT}", f"--registry={registry.address}/demo"]


def test_it_is_deployed_used_and_taken_down_with_its_namespace(home: dict[str, str], words: list[str]) -> None:
    status, said = run(home, *words)

    assert status == 0, said
    assert f"Target: kubernetes, {CONTEXT}" in said
    assert "the same" in said
    assert left(home) == []
    assert ends(name_in(said))


def test_one_that_was_killed_is_taken_down_with_its_namespace_by_the_next(
    home: dict[str, str], words: list[str]
) -> None:
    killed = start(home, *words)
    assert killed.stdout
    said = next(line for line in killed.stdout if "Generated" in line)
    killed.kill()
    killed.communicate()
    assert not ends(name_in(said))

    status, _ = run(home, "--target=process")

    assert status == 0
    assert left(home) == []
    assert ends(name_in(said))


def name_in(said: str) -> str:
    """The name of a demo's service."""
    return str(re.findall(r"Generated (\S+) in", said)[0])


def ends(name: str) -> bool:
    """Whether a demo's namespace is gone, or is going."""
    found = json.loads(kubectl("get", "namespace", f"{name}-staging", "--ignore-not-found", "--output=json") or "{}")
    return not found or "deletionTimestamp" in found["metadata"]
