"""A version is that of the checkout: no variable or setting of the user bends it, and a git that fails is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service_tasks.engine.build.source import BuildInfo, read_build_info
from service_tasks.engine.core.errors import MissingFault, UsageFault
from service_tasks.engine.core.runner import Runner

from ..support.service import git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit and a change in the work tree."""
    folder = tmp_path / "orders"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "main.go").write_text("package main\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Change")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    return folder


def info(folder: Path) -> BuildInfo:
    """The build information of a folder."""
    return read_build_info(Runner(folder, False, sys.stderr), "orders", "staging")


def foreign(folder: Path) -> None:
    """Give the repository to another user, which takes root."""
    for path in (folder, folder / ".git"):
        os.chown(path, 12345, 12345)


def headless(folder: Path) -> None:
    (folder / ".git" / "HEAD").unlink()


def elsewhere(folder: Path) -> None:
    (folder / ".git").rename(folder.with_name("moved"))
    (folder / ".git").write_text("gitdir: /nowhere\n")


def without_index(folder: Path) -> None:
    (folder / ".git" / "index").write_bytes(b"no index")


def without_objects(folder: Path) -> None:
    for path in (folder / ".git" / "objects").rglob("*"):
        if path.is_file():
            path.unlink()


def with_settings_that_are_none(folder: Path) -> None:
    (folder / ".git" / "config").write_text("[core\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(foreign, "dubious ownership", marks=pytest.mark.skipif(os.getuid() != 0, reason="needs root")),
        (headless, "not a git repository"),
        (elsewhere, "not a git repository"),
        (without_index, "index"),
        (without_objects, "HEAD"),
        (with_settings_that_are_none, "config"),
    ],
)
def test_a_repository_that_git_cannot_read_is_told_with_gits_own_words(
    checkout: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(checkout)

    with pytest.raises(MissingFault, match="git cannot read the repository") as refusal:
        info(checkout)

    assert refusal.value.code == 3
    assert words in "\n".join(refusal.value.details)


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"]
)
def test_variables_of_another_repository_are_not_heard(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    calm, head = info(checkout), git(checkout, "rev-parse", "HEAD").strip()
    monkeypatch.setenv(name, "/nowhere")

    assert info(checkout) == calm
    assert calm.commit == head


@pytest.mark.parametrize(
    "setting",
    [
        "[diff]\n external = false\n",
        "[diff]\n noprefix = true\n",
        "[diff]\n mnemonicPrefix = true\n context = 9\n algorithm = patience\n",
        "[color]\n ui = always\n",
        "[core]\n abbrev = 20\n",
        "[log]\n showSignature = true\n",
    ],
)
def test_a_users_own_settings_of_git_give_no_other_version(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    calm = info(checkout)
    (tmp_path / "settings").write_text(setting)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))

    assert info(checkout) == calm


def test_without_a_repository_no_git_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.go").write_text("package main\n")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    assert info(tmp_path).commit == "unknown"


@pytest.mark.parametrize("value", ["²", "٣", "-1", " 1", "1e9", "", "9" * 40])
def test_a_time_that_is_none_is_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)

    with pytest.raises(UsageFault, match="SOURCE_DATE_EPOCH"):
        info(checkout)
