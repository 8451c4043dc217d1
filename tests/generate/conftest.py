"""Fixtures: the template as Copier finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

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
