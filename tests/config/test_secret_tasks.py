"""The tasks that change secrets in git: what they take, print and leave, and that nothing secret is shown."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from maintain.rendering import make_repository

from ..conftest import Render
from ..support.service import Service, git
from .identities import make_key

CANARY = "canary-in-a-coal-mine"


@dataclass
class Someone:
    """Somebody with a home and a clone of a service."""

    service: Service
    home: Path

    def run(self, *words: str, feed: str | bytes = b"", status: int = 0, **env: str) -> str:
        """What a task says; it has to end with a status, and shows no canary."""
        done = subprocess.run(
            self.service.command(*words),
            cwd=self.service.folder,
            env={**self.service.environment(), "HOME": str(self.home), **env},
            input=feed.encode() if isinstance(feed, str) else feed,
            capture_output=True,
            check=False,
            timeout=120,
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == status, said
        assert CANARY not in said
        return said

    def file(self, name: str) -> str:
        """A file of the checkout."""
        return (self.service.folder / name).read_text()


@pytest.fixture
def alice(rendered: Render, tmp_path: Path) -> Someone:
    """Somebody with an identity of her own, for whom staging's secrets are, and one of them."""
    folder, home = tmp_path / "orders", tmp_path / "alice"
    shutil.copytree(rendered(auth="jwt"), folder)
    make_repository(folder)
    home.mkdir()
    made = Someone(Service(folder, tmp_path / "state"), home)
    recipient = made.run("secrets.keygen").splitlines()[0]
    made.run("secrets.recipients", "add", recipient, "--env=staging", "--name=alice")
    made.run("secrets.set", "DATABASE_PASSWORD", "--env=staging", feed=f"{CANARY}\n")
    return made


def editor(folder: Path, script: str) -> str:
    """An editor that does something to its file, which is $1."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_secret_is_set_from_standard_input_byte_for_byte_and_seen_by_name_alone(alice: Someone) -> None:
    said = alice.run("secrets.set", "AUTH_DEV_KEY", "--env=staging", feed=f"{CANARY} $x 'y' \\ \r\nz\n")

    assert "+ AUTH_DEV_KEY" in said
    assert "is encrypted for alice" in said
    assert "AUTH_DEV_KEY 20" in alice.file("secrets/staging.names")
    assert CANARY not in alice.file("secrets/staging.age")
    assert "********" in alice.run("env.show", "--env=staging")


def test_a_random_value_needs_nobody_to_know_it(alice: Someone) -> None:
    assert "~ DATABASE_PASSWORD" in alice.run("secrets.set", "DATABASE_PASSWORD", "--random", "--env=staging")


@pytest.mark.parametrize(
    ("name", "feed", "message"),
    [
        ("DATABASE_PASWORD", b"x", 'did you mean "DATABASE_PASSWORD"'),
        ("AUTH_DEV_KEY", b"short", "the value is not at least 16 characters long"),
        ("AUTH_DEV_KEY", b"\xff" * 20, "is no UTF-8 text"),
        ("AUTH_DEV_KEY", b"a" * 20 + b"\0", "cannot be written into an environment file"),
    ],
)
def test_a_wrong_name_or_value_is_refused_and_changes_nothing(
    alice: Someone, name: str, feed: bytes, message: str
) -> None:
    before = alice.file("secrets/staging.age")

    assert message in alice.run("secrets.set", name, "--env=staging", feed=feed, status=2)

    assert alice.file("secrets/staging.age") == before


def test_an_edit_happens_in_memory_and_is_saved_as_a_whole(alice: Someone, tmp_path: Path) -> None:
    lines = (
        f'stat -f -c %T "$1" >{tmp_path}/where; stat -c %a "$1" >>{tmp_path}/where; echo "$1" >{tmp_path}/path',
        'sed -i "s/DATABASE_PASSWORD=.*/DATABASE_PASSWORD=another-one/" "$1"',
        'echo AUTH_DEV_KEY=sixteen-characters >>"$1"',
    )

    said = alice.run("secrets.edit", "--env=staging", EDITOR=editor(tmp_path, "\n".join(lines)))

    assert "~ DATABASE_PASSWORD" in said
    assert "+ AUTH_DEV_KEY" in said
    assert (tmp_path / "where").read_text().split() == ["tmpfs", "600"]
    assert not Path((tmp_path / "path").read_text().strip()).parent.exists()


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ('echo NO_SUCH=1 >> "$1"', 2, "line 2: NO_SUCH is not in .env.example"),
        (f'echo "{CANARY}" >> "$1"', 2, "lines that are neither a comment nor NAME=value: 2"),
        (f'echo "{CANARY.replace("-", "")}=" >> "$1"', 2, "line 2: the name is not in .env.example"),
        ("exit 3", 2, "ended with status 3: nothing was changed"),
        ("true", 0, "Nothing was changed."),
    ],
)
def test_an_edit_that_is_not_right_or_given_up_changes_nothing(
    alice: Someone, tmp_path: Path, script: str, status: int, message: str
) -> None:
    before = alice.file("secrets/staging.age")

    assert message in alice.run("secrets.edit", "--env=staging", status=status, EDITOR=editor(tmp_path, script))

    assert alice.file("secrets/staging.age") == before


def test_without_a_terminal_and_an_editor_an_edit_is_refused(alice: Someone) -> None:
    assert "no terminal for an editor" in alice.run("secrets.edit", "--env=staging", status=2, EDITOR="", VISUAL="")


def test_an_edit_during_which_somebody_else_saves_is_not_saved_over_theirs(alice: Someone, tmp_path: Path) -> None:
    meanwhile = alice.service.command("secrets.set", "AUTH_DEV_KEY", "--random", "--env=staging")
    words = " ".join(f"'{word}'" for word in meanwhile)
    script = f'{words} </dev/null >/dev/null 2>&1; echo DATABASE_PASSWORD=mine-mine >"$1"'

    said = alice.run("secrets.edit", "--env=staging", status=2, EDITOR=editor(tmp_path, script))

    assert "was changed by somebody else meanwhile; your edit was not saved" in said
    assert "AUTH_DEV_KEY" in alice.file("secrets/staging.names")


def test_whoever_is_added_can_read_and_whoever_is_removed_cannot_and_is_told_of(alice: Someone, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", tmp_path / "bob"], check=True)
    key = str(tmp_path / "bob")

    assert "which is for alice" in alice.run("env.check", "--env=staging", status=2, SECRETS_IDENTITY_FILE=key)
    assert "is encrypted for alice, bob" in alice.run(
        "secrets.recipients", "add", str(tmp_path / "bob.pub"), "--env=staging"
    )
    assert alice.run("env.check", "--env=staging", SECRETS_IDENTITY_FILE=key)
    removed = alice.run("secrets.recipients", "remove", "bob", "--env=staging")
    assert "has read, in git's past: DATABASE_PASSWORD" in removed
    assert alice.run("env.check", "--env=staging", status=2, SECRETS_IDENTITY_FILE=key)
    assert "nobody could read" in alice.run("secrets.recipients", "remove", "alice", "--env=staging", status=2)


def test_the_age_command_and_the_tasks_read_the_same_file(alice: Someone, tmp_path: Path) -> None:
    if shutil.which("age") is None:
        pytest.skip("age is not installed")
    identity = alice.home / ".config" / "copier-gin" / "identity.txt"

    shown = subprocess.run(
        ["age", "--decrypt", "--identity", identity, alice.service.folder / "secrets" / "staging.age"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == f"DATABASE_PASSWORD={CANARY}\n"


def test_an_identity_comes_from_a_file_a_variable_or_standard_input_and_a_wrong_one_is_told(
    alice: Someone, tmp_path: Path
) -> None:
    identity = alice.home / ".config" / "copier-gin" / "identity.txt"
    moved = identity.rename(tmp_path / "moved")
    text = moved.read_text()
    check = ("env.check", "--env=staging")

    assert "no identity" in alice.run(*check, status=2)
    alice.run(*check, SECRETS_IDENTITY_FILE=str(moved))
    alice.run(*check, SECRETS_IDENTITY=text)
    alice.run(*check, feed=text, SECRETS_IDENTITY_FILE="-")
    assert "which is for alice" in alice.run(*check, status=2, SECRETS_IDENTITY=make_key()[0])
    assert "there is no identity in SECRETS_IDENTITY" in alice.run(*check, status=2, SECRETS_IDENTITY=CANARY)
    assert "cannot be read" in alice.run(*check, status=2, SECRETS_IDENTITY_FILE=str(tmp_path / "none"))
    damaged = f"AGE-SECRET-KEY-1{'Q' * 58}"
    assert "is damaged" in alice.run(*check, status=2, SECRETS_IDENTITY=damaged)


def test_two_edits_that_git_cannot_merge_are_merged_name_by_name(alice: Someone) -> None:
    folder = alice.service.folder
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    git(folder, "checkout", "--quiet", "-b", "theirs")
    alice.run("secrets.set", "AUTH_DEV_KEY", "--random", "--env=staging")
    alice.run("secrets.set", "DATABASE_PASSWORD", "--env=staging", feed="theirs-theirs")
    git(folder, "commit", "--quiet", "--all", "--message", "Theirs")
    git(folder, "checkout", "--quiet", "-")
    alice.run("secrets.set", "DATABASE_PASSWORD", "--env=staging", feed="ours-ours")
    git(folder, "commit", "--quiet", "--all", "--message", "Ours")
    merged = subprocess.run(["git", "merge", "theirs"], cwd=folder, capture_output=True, check=False)
    assert merged.returncode == 1

    assert "secrets.merge does, name by name" in alice.run("env.check", "--env=staging", status=2)
    disputed = alice.run("secrets.merge", "--env=staging", status=2)
    assert "both sides changed DATABASE_PASSWORD" in disputed
    alice.run("secrets.merge", "--env=staging", "--theirs=DATABASE_PASSWORD")

    git(folder, "commit", "--quiet", "--message", "Merged")
    assert alice.run("env.check", "--env=staging")
    assert set(alice.file("secrets/staging.names").split()) >= {"AUTH_DEV_KEY", "DATABASE_PASSWORD"}
    assert "has no two sides" in alice.run("secrets.merge", "--env=staging", status=2)


def test_a_check_lists_what_is_there_since_when_and_for_whom(alice: Someone) -> None:
    assert "alice" in alice.run("secrets.check")
    (alice.home / ".config").rename(alice.home / "away")
    assert "no identity that is here opens" in alice.run("secrets.check", status=2)
