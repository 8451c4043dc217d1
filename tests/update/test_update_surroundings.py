"""The repository that an update works in is that of the service, whatever a hook, an alias or a shell has set."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from service_tasks.engine.template.repository import forget_surroundings

from ..support.service import Service, git
from .updating import Garage, Subject

pytestmark = pytest.mark.slow

OTHER = "OTHER"
"""Stands for the folder of another repository."""
VARIABLES = {
    "an index": {"GIT_INDEX_FILE": f"{OTHER}/.git/index"},
    "a repository": {"GIT_DIR": f"{OTHER}/.git"},
    "a work tree": {"GIT_DIR": f"{OTHER}/.git", "GIT_WORK_TREE": OTHER},
    "a store of objects": {"GIT_OBJECT_DIRECTORY": f"{OTHER}/.git/objects"},
    "a folder that is shared": {"GIT_DIR": f"{OTHER}/.git", "GIT_COMMON_DIR": f"{OTHER}/.git"},
    "a setting": {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": OTHER},
    "patterns": {"GIT_ICASE_PATHSPECS": "1"},
    "a kind of hash": {"GIT_DEFAULT_HASH": "sha256"},
}


def invoke(orders: Subject, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a task of the service itself, with variables of git."""
    return Service(orders.folder, orders.folder.parent / "state", env=env).invoke(*words)


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_variables_of_git_lead_to_no_other_repository(garage: Garage, variables: dict[str, str]) -> None:
    orders, other = garage.service("v1.0.0"), garage.service("v1.3.0")
    orders.edit("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443")
    orders.commit()
    untouched, before = other.state(), git(orders.folder, "ls-files", "--stage")
    env = {name: value.replace(OTHER, str(other.folder)) for name, value in variables.items()}

    status = invoke(orders, env, "template.status")
    assert status.returncode == 0, status.stderr
    assert "clean" in status.stdout

    update = invoke(orders, env, "template.update")
    assert update.returncode == 7, update.stdout + update.stderr
    assert orders.unmerged() == ["Dockerfile"]

    abort = invoke(orders, env, "template.update", "--abort")
    assert abort.returncode == 0, abort.stderr
    assert git(orders.folder, "ls-files", "--stage") == before
    assert orders.status() == ""
    assert other.state() == untouched


@pytest.mark.parametrize("folder", ["here", "nowhere"])
def test_no_variable_of_a_repository_is_left(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By git's own list, which grows."""
    names = git(tmp_path, "rev-parse", "--local-env-vars").split()
    assert "GIT_INDEX_FILE" in names
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / folder))

    forget_surroundings()

    assert [name for name in names if name in os.environ] == []
