"""The same commit gives the same bytes wherever it is built, and their checksums stand beside them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from maintain.rendering import make_repository

from ..conftest import Render
from ..support.service import Service, git

SUMS = "SHA256SUMS"


def clone(rendered: Render, folder: Path) -> Service:
    """A service at a place, with one commit that is the same everywhere."""
    shutil.copytree(rendered(database="none", guard="none"), folder)
    make_repository(folder)
    moment = "2026-01-02T03:04:05Z"
    dates = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(
        ["git", *dates, "commit", "--quiet", "--amend", "--reset-author", "--no-edit", f"--date={moment}"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": moment},
        check=True,
    )
    return Service(folder, folder.parent / "state")


def built(service: Service) -> str:
    """The checksums of what staging's build gives."""
    done = service.invoke("build", "--env=staging")
    assert done.returncode == 0, done.stdout + done.stderr
    return (service.folder / "dist" / SUMS).read_text()


@pytest.fixture
def here(rendered: Render, tmp_path: Path) -> Service:
    """A clone."""
    return clone(rendered, tmp_path / "here" / "orders")


def test_a_build_has_its_checksums_beside_it(here: Service) -> None:
    sums = built(here)
    binary = here.folder / "dist" / "orders-staging"

    assert sums == f"{hashlib.sha256(binary.read_bytes()).hexdigest()}  orders-staging\n"
    check = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=binary.parent, capture_output=True, check=False
    )
    assert check.returncode == 0


@pytest.mark.full
def test_another_machines_paths_and_caches_give_the_same_bytes(here: Service, rendered: Render, tmp_path: Path) -> None:
    there = clone(rendered, tmp_path / "another" / "machine" / "of somebody else")
    there.env |= {"HOME": str(tmp_path), "GOCACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}

    assert git(here.folder, "rev-parse", "HEAD") == git(there.folder, "rev-parse", "HEAD")
    assert built(here) == built(there)
