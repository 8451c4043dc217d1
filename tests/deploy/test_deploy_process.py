"""What is peculiar to deploys to the process target: two slots on this machine, without Docker, with SQLite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from ..support.service import Service

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def target() -> str:
    return "process"


def test_code_that_does_not_compile_is_told_with_the_compilers_words(service: Service) -> None:
    before = service.get("/version").body
    broken = service.folder / "internal" / "order" / "broken.go"
    broken.write_text("package order\n\nfunc {\n")

    done = service.invoke("deploy", "--env=staging")
    broken.unlink()

    assert done.returncode == 4
    assert "broken.go:3" in done.stderr
    assert service.get("/version").body == before


def test_two_deploys_at_once_are_refused_with_the_holder(service: Service) -> None:
    done: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        done.append(service.invoke("deploy", "--env=staging", "--set", "LOG_LEVEL=debug"))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    codes = sorted(result.returncode for result in done)
    assert codes == [0, 6]
    refused = next(result for result in done if result.returncode == 6)
    assert "deploy --env=staging by" in refused.stderr


def test_json_is_one_document_and_progress_goes_to_standard_error(service: Service) -> None:
    done = service.invoke("deploy", "--env=staging", "--json")

    document = json.loads(done.stdout)
    assert document["target"] == "process"
    assert document["url"] == f"http://localhost:{service.port}"
    assert "check" in done.stderr


def test_tasks_work_from_a_sub_directory(service: Service) -> None:
    done = service.invoke("health", "--env=staging", cwd=service.folder / "internal" / "order")

    assert done.returncode == 0, done.stderr
    assert "/readyz" in done.stdout


def test_a_dry_run_shows_its_commands_and_changes_nothing(service: Service) -> None:
    before = service.status()
    service.edit("api/openapi.yaml", "openapi: 3.1", "# dry\nopenapi: 3.1")
    built = (service.folder / "dist" / f"{service.folder.name}-staging").read_bytes()

    done = service.invoke("--dry", "deploy", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert "go build" in done.stdout
    assert service.status() == before
    assert (service.folder / "dist" / f"{service.folder.name}-staging").read_bytes() == built


def test_a_front_door_that_was_killed_comes_back_with_the_next_deploy(service: Service) -> None:
    state = service.state / "copier-gin" / f"{service.folder.name}-staging"
    os.kill(json.loads((state / "edge.process").read_text())["pid"], signal.SIGKILL)

    service.deploy()

    assert service.get("/readyz").status == 200


def test_no_secret_is_readable_by_others(service: Service) -> None:
    state: Path = service.state / "copier-gin" / f"{service.folder.name}-staging"

    assert state.stat().st_mode & 0o077 == 0
