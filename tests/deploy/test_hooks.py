"""Hooks: programs of the service that are run at fixed points of a deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.service import EXIT, Service, serving_does


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("process", database="none")
    made.deploy()
    return made


def hook(service: Service, name: str, script: str) -> Path:
    """Write a hook; what it writes to $PWD/heard tells that it ran."""
    path = service.folder / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def heard(service: Service) -> str:
    path = service.folder / "dist" / "heard"
    return path.read_text() if path.exists() else ""


def test_hooks_run_in_order_and_know_the_deploy(service: Service) -> None:
    facts = '"$DEPLOY_SERVICE $DEPLOY_ENV $DEPLOY_TARGET $DEPLOY_ACTION $DEPLOY_VERSION"'
    for name in ("pre-build", "pre-deploy", "post-deploy"):
        hook(service, name, f"echo {name} {facts} >> dist/heard; echo told")

    done = service.deploy("--set", "LOG_LEVEL=debug")

    version = service.get("/version").body["version"]
    known = f"{service.folder.name} staging process deploy {version}"
    assert heard(service).splitlines() == [f"{name} {known}" for name in ("pre-build", "pre-deploy", "post-deploy")]
    assert "  post-deploy: told" in done.stdout


def test_a_hook_that_refuses_ends_the_deploy_before_anything_changes(service: Service) -> None:
    before = service.status()
    path = hook(service, "pre-deploy", "echo not on a Friday >&2; exit 3")

    done = service.invoke("deploy", "--env=staging", "--set", "LOG_LEVEL=warn")
    path.unlink()

    assert done.returncode == 5
    assert "the hook pre-deploy refused (exit code 3)" in done.stderr
    assert "not on a Friday" in done.stderr
    assert service.status() == before


def test_a_failed_deploy_is_heard_with_its_reason(service: Service) -> None:
    hook(service, "deploy-failed", 'echo "$DEPLOY_REASON" > dist/failed')
    with serving_does(service, EXIT):
        assert service.invoke("deploy", "--env=staging").returncode == 5

    assert "exited at its start" in (service.folder / "dist" / "failed").read_text()


def test_a_hook_that_fails_afterwards_changes_nothing(service: Service) -> None:
    path = hook(service, "post-deploy", "exit 9")

    done = service.deploy("--set", "LOG_LEVEL=error")
    path.unlink()

    assert "the hook post-deploy failed (exit code 9)" in done.stdout


def test_a_hook_that_is_not_executable_is_passed_over(service: Service) -> None:
    hook(service, "pre-build", "exit 1").chmod(0o644)

    service.deploy("--set", "LOG_LEVEL=info")
