"""Fixtures: environment files with a schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from .env_files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Environment files that are in order."""
    return Folder(tmp_path)
