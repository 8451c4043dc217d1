"""Hooks: programs of the service that are run at fixed points of a deploy."""

from __future__ import annotations

import sys
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


UNSTARTABLE = {
    "no first line": (b"echo hello\n", "its first line does not name a program"),
    "line ends of Windows": (b"#!/bin/sh\r\necho hello\r\n", "its lines end as on Windows"),
    "a program that is not there": (b"#!/nowhere/sh\n", "#!/nowhere/sh"),
    "nothing at all": (b"", "its first line does not name a program"),
    "no program": (bytes(range(256)), "its first line does not name a program"),
}


@pytest.mark.parametrize(("content", "why"), UNSTARTABLE.values(), ids=list(UNSTARTABLE))
def test_a_hook_that_cannot_be_started_has_failed_and_is_named(service: Service, content: bytes, why: str) -> None:
    before = service.status()
    path = hook(service, "pre-build", "")
    path.write_bytes(content)

    done = service.invoke("deploy", "--env=staging", "--set", "LOG_LEVEL=warn")
    path.unlink()

    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    assert f"hooks/pre-build cannot be started: {why}" in done.stderr
    assert service.status() == before


@pytest.mark.parametrize("content", [b"echo hello\n", b"#!/nowhere/sh\n", b"#!/bin/sh\nkill -9 $$\n"])
def test_whatever_a_hook_does_afterwards_the_deploy_is_done(service: Service, content: bytes) -> None:
    path = hook(service, "post-deploy", "")
    path.write_bytes(content)

    done = service.deploy("--set", f"LOG_LEVEL={'debug' if b'kill' in content else 'error'}")
    path.unlink()

    assert "the hook post-deploy failed" in done.stdout or "Nothing to do" in done.stdout


def test_a_hook_may_turn_maintenance_on_for_the_deploy_that_runs_it(service: Service) -> None:
    task = f"XDG_STATE_HOME={service.state} {sys.executable} -m invoke maintenance --env=staging"
    before = hook(service, "pre-deploy", f"{task} --on")
    after = hook(service, "post-deploy", f"{task} --off")

    done = service.deploy("--set", f"LOG_LEVEL={'warn' if service.get('/v1/orders').status == 200 else 'info'}")
    for path in (before, after):
        path.unlink()

    assert "pre-deploy: Maintenance of " in done.stdout
    assert service.get("/v1/orders").status == 200
