"""Fixtures: environment files with a schema."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..conftest import Render
from ..support.service import Service
from .env_files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Environment files that are in order."""
    return Folder(tmp_path)


@pytest.fixture
def service(rendered: Render, tmp_path: Path) -> Service:
    """A service whose database password is in its local file."""
    root = tmp_path / "orders"
    shutil.copytree(rendered(), root)
    (root / ".env.staging.local").write_text("DATABASE_PASSWORD=hidden-pass-word\n")
    return Service(root, tmp_path / "state")
