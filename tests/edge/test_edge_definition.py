"""The front door's hash tells of all that it is made from, and of nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service_tasks.engine.edge.definition import edge_fingerprint

from ..support.service import ROOT

SERVICES = """services:
  edge:
    ports: !override ["127.0.0.1:${EDGE_PORT:-8080}:8080"]
  tls:
    environment: {EDGE_SITE: "${EDGE_SITE}"}
"""
VALUES = {"EDGE_PORT": "8080", "EDGE_SITE": "localhost"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service's files that a front door is made from."""
    shutil.copytree(ROOT / "template" / "edge", tmp_path / "edge")
    (tmp_path / "compose.yml").write_text(SERVICES)
    return tmp_path


def fingerprint(folder: Path, **values: str) -> str:
    """The hash of the front door in a folder; a compose file that is not there is none."""
    files = [folder / "compose.yml", folder / "override.yml"]
    return edge_fingerprint(folder / "edge", files, {**VALUES, **values})


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    """Somebody changed a file."""
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("change", "values", "another"),
    [
        pytest.param(edit("edge/haproxy.cfg", "60s", "61s"), {}, True, id="its configuration"),
        pytest.param(edit("compose.yml", "127.0.0.1:", ""), {}, True, id="its service"),
        pytest.param(edit("compose.yml", "environment", "labels"), {}, False, id="another service"),
        pytest.param(lambda folder: None, {"EDGE_PORT": "8081"}, True, id="a value that it reads"),
        pytest.param(lambda folder: None, {"EDGE_SITE": "example.com"}, False, id="a value that it does not read"),
    ],
)
def test_a_change_makes_another_front_door_where_it_is_part_of_it(
    folder: Path, change: Callable[[Path], object], values: dict[str, str], another: bool
) -> None:
    before = fingerprint(folder)

    change(folder)

    assert (fingerprint(folder, **values) != before) is another


def test_a_compose_file_that_is_not_in_order_is_left_to_compose(folder: Path) -> None:
    (folder / "override.yml").write_text("services: [\n")

    assert fingerprint(folder)
