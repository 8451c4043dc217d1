"""`env.check` finds secrets that git has, in tracked files and with `--history` in its past, and shows none of them."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from maintain.rendering import make_repository

from ..conftest import Render
from ..support.service import Service, git

CANARY = "canary-in-a-coal-mine"
# Put together here, so that nothing takes this file for a leak.
PRIVATE_KEY = "-----BEGIN " + "OPENSSH PRIVATE KEY-----"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.fixture
def service(rendered: Render, tmp_path: Path) -> Service:
    """A service in git, with a secret in a file that is not."""
    folder = tmp_path / "orders"
    shutil.copytree(rendered(), folder)
    (folder / ".env.staging.local").write_text(f"DATABASE_PASSWORD={CANARY}\n")
    make_repository(folder)
    return Service(folder, tmp_path / "state")


def told(service: Service, *words: str) -> str:
    """What the check says, which finds something."""
    done = service.invoke("env.check", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_service_as_it_is_made_gives_nothing_away(service: Service) -> None:
    done = service.invoke("env.check", "--history")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (PRIVATE_KEY, "looks like a private key"),
        (f"aws_key = '{AWS}'", "looks like a key of AWS"),
        (f"the database's password is {CANARY}.", "has a value that is a secret of an environment"),
    ],
)
def test_a_secret_in_a_tracked_file_is_told_with_its_line(service: Service, text: str, what: str) -> None:
    (service.folder / "docs").mkdir()
    (service.folder / "docs" / "notes for all.md").write_text(f"# Notes\n\n{text}\n")
    git(service.folder, "add", "--all")

    assert "docs/notes for all.md:3" in (said := told(service))
    assert what in said


def test_a_secret_in_gits_past_is_told_with_its_commit(service: Service) -> None:
    plain = service.folder / ".env.prod"
    before = plain.read_text()
    plain.write_text(before + "DATABASE_PASSWORD=once-in-the-open\n")
    (service.folder / "notes").write_text(f"{CANARY}\n{AWS}\n")
    service.commit("Add by mistake")
    commit = git(service.folder, "rev-parse", "--short", "HEAD").strip()
    plain.write_text(before)
    (service.folder / "notes").unlink()
    service.commit("Take away")

    assert service.invoke("env.check").returncode == 0
    said = told(service, "--history")

    assert said.count(f"in commit {commit}") == 3
    assert "was a secret in a tracked file" in said
    assert "has a value that is a secret" in said
    assert "looks like a key of AWS" in said
    assert "once-in-the-open" not in said


def test_what_tests_and_encrypted_files_have_is_no_leak(service: Service) -> None:
    for name in ("internal/order/key_test.go", "internal/order/testdata/key.pem"):
        path = service.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"package order\n// {PRIVATE_KEY}\n")
    (service.folder / "picture").write_bytes(base64.b64decode("AAECAw==") + PRIVATE_KEY.encode())
    service.commit()

    assert service.invoke("env.check", "--history").returncode == 0


def test_a_folder_without_git_has_nothing_to_give_away(service: Service) -> None:
    shutil.rmtree(service.folder / ".git")

    assert service.invoke("env.check", "--history").returncode == 0
