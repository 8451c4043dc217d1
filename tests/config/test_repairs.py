"""`env.fix` does what changes no value that a service gets, and tells what it leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ..conftest import Render
from ..support.service import Service

SECRET = "abcdefgh-is-secret"


@pytest.fixture
def service(rendered: Render, tmp_path: Path) -> Service:
    """A service whose files are in order."""
    folder = tmp_path / "orders"
    shutil.copytree(rendered(), folder)
    return Service(folder, tmp_path / "state")


def add(service: Service, name: str, *lines: str) -> Path:
    """Add lines to a file."""
    path = service.folder / name
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def values(service: Service) -> str:
    """What staging's variables are."""
    shown = service.invoke("env.show", "--env=staging").stdout.splitlines()
    return "\n".join(" ".join(line.split()[:2]) for line in shown)


def test_files_that_are_in_order_stay_as_they_are(service: Service) -> None:
    before = {path: path.read_bytes() for path in service.folder.glob(".env*")}

    done = service.invoke("env.fix")

    assert (done.returncode, done.stdout) == (0, "")
    assert {path: path.read_bytes() for path in service.folder.glob(".env*")} == before


def test_what_changes_no_value_is_mended_and_told(service: Service) -> None:
    local = add(service, ".env.staging.local", "LOG_LEVEL=warn", "# why", "LOG_LEVEL=warn")
    local.chmod(0o644)
    add(service, ".env.prod", "TRUSTED_PROXIES=10.0.0.0/8", "ADMIN_PORT=9090")
    tracked = add(service, ".env.staging", f"DATABASE_PASSWORD='{SECRET}'")
    before = values(service)

    done = service.invoke("env.fix", "--env=staging")

    assert local.stat().st_mode & 0o777 == 0o600
    assert local.read_text().count("LOG_LEVEL=warn") == 1
    assert SECRET in local.read_text()
    assert SECRET not in tracked.read_text()
    assert "ADMIN_PORT=9090" in tracked.read_text()
    assert values(service) == before
    assert SECRET not in done.stdout + done.stderr
    for what in ("can be read by its owner alone", "LOG_LEVEL was set twice", "git's past has it", "ADMIN_PORT is set"):
        assert what in done.stdout


def test_what_only_somebody_can_decide_is_left_and_told(service: Service) -> None:
    path = add(service, ".env.staging", "LOG_LEVEL=debug", "NO_SUCH=1", "HTTP_PORT=no")

    done = service.invoke("env.fix", "--env=staging")

    assert done.returncode == 2
    assert "NO_SUCH" in done.stderr
    assert "is set twice" in done.stderr
    assert "3 faults left, which only you can mend" in done.stderr
    assert path.read_text().endswith("LOG_LEVEL=debug\nNO_SUCH=1\nHTTP_PORT=no\n")


def test_as_json_it_is_one_document(service: Service) -> None:
    add(service, ".env.staging.local", "LOG_LEVEL=warn").chmod(0o644)

    done = service.invoke("env.fix", "--json")

    assert json.loads(done.stdout) == {
        "done": [{"file": ".env.staging.local", "what": "can be read by its owner alone now"}],
        "findings": [],
    }


def test_a_value_that_the_file_outside_git_has_already_is_not_overwritten(service: Service) -> None:
    local = add(service, ".env.staging.local", f"DATABASE_PASSWORD={SECRET}")
    add(service, ".env.staging", "DATABASE_PASSWORD=an-older-secret")

    service.invoke("env.fix")

    assert local.read_text() == f"DATABASE_PASSWORD={SECRET}\n"
    assert "an-older-secret" not in (service.folder / ".env.staging").read_text()
