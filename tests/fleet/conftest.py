"""Fixtures: a service of a former version, and a fleet of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from maintain.rendering import example_answers

from ..support.template_versions import Template
from .services import FORMER, Fleet, make_fleet


@pytest.fixture(scope="session")
def seed(template_versions: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service of the former version."""
    answers = {**example_answers(), "database": "none"}
    return template_versions.service(tmp_path_factory.mktemp("seed") / "orders", FORMER, **answers)


@pytest.fixture
def one(seed: Path, tmp_path: Path) -> Fleet:
    """A fleet of one service."""
    return make_fleet(tmp_path, seed, "orders")
