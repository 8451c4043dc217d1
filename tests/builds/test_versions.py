"""The version of a build: the commit, its time, and the hash of what no commit holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service_tasks.engine.build.source import BuildInfo, read_build_info
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.core.runner import Runner

from ..support.service import git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit of 2026-01-02."""
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / ".gitignore").write_text("dist/\n")
    (folder / "main.go").write_text("package main\n")
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Commit everything, at a known time."""
    git(folder, "add", "--all")
    words = ("commit", "--quiet", "--date", "2026-01-02T03:04:05Z", "--message", "Change")
    name = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    env = {"GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z", "PATH": "/usr/bin:/bin:/usr/local/bin"}
    subprocess.run(["git", *name, *words], cwd=folder, env=env, check=True)


def info(folder: Path) -> BuildInfo:
    """The build information of a folder."""
    return read_build_info(Runner(folder, False, sys.stderr), "orders", "staging")


def test_a_clean_checkout_is_its_commit_at_the_commits_time(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD").strip()

    found = info(checkout)

    assert found.commit == head
    assert head.startswith(found.version)
    assert found.built_at == "2026-01-02T03:04:05Z"
    assert found.epoch == "1767323045"
    assert info(checkout) == found


def test_a_tag_is_the_version_and_later_commits_count_from_it(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.3")
    git(checkout, "tag", "release-of-the-week")
    assert info(checkout).version == "v1.2.3"

    (checkout / "more.go").write_text("package main\n")
    commit(checkout)

    assert info(checkout).version.startswith("v1.2.3-1-g")


def test_changes_add_their_hash_so_that_no_two_trees_share_a_version(checkout: Path) -> None:
    clean = info(checkout).version
    versions = []
    for change in ("// one\n", "// two\n"):
        (checkout / "main.go").write_text(f"package main\n{change}")
        versions.append(info(checkout).version)
        assert info(checkout).version == versions[-1]
    git(checkout, "checkout", "--quiet", "main.go")
    (checkout / "new.go").write_text("package main\n")
    versions.append(info(checkout).version)
    (checkout / "new.go").write_text("package main // other\n")
    versions.append(info(checkout).version)

    assert len(set(versions)) == 4
    assert all(version.startswith(f"{clean}-dirty.") for version in versions)
    (checkout / "new.go").unlink()
    assert info(checkout).version == clean


def test_what_git_ignores_is_no_change(checkout: Path) -> None:
    clean = info(checkout)
    (checkout / "dist").mkdir()
    (checkout / "dist" / "orders").write_text("binary")

    assert info(checkout) == clean


def test_a_binary_file_that_changed_is_a_change(checkout: Path) -> None:
    (checkout / "image.bin").write_bytes(b"\0\xff\xfe1")
    commit(checkout)
    (checkout / "image.bin").write_bytes(b"\0\xff\xfe2")

    assert "-dirty." in info(checkout).version


def test_without_git_the_files_themselves_are_the_version(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    before = info(checkout)

    assert before.commit == "unknown"
    assert before.version.startswith("0.0.0-")
    assert info(checkout) == before
    (checkout / "main.go").write_text("package other\n")
    assert info(checkout).version != before.version


def test_local_secrets_are_no_part_of_the_version_without_git(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    before = info(checkout).version
    (checkout / ".env.staging.local").write_text("API_KEY=1\n")

    assert info(checkout).version == before


def test_a_repository_without_a_commit_is_as_one_without_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "main.go").write_text("package main\n")

    assert info(tmp_path).commit == "unknown"


def test_the_time_of_a_build_can_be_set_from_outside(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert info(checkout).built_at == "1970-01-01T00:00:00Z"

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageFault, match='SOURCE_DATE_EPOCH is "yesterday"'):
        info(checkout)
