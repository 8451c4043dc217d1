"""`dev`: the service in the foreground, built and started again when a source file changes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from ..config.settings import Environment, Settings
from ..core.console import Console
from ..core.errors import BuildFault, DeployFault
from ..core.runner import FOR_SERVICE, Runner, clean_environment
from .gobuild import build, plan_build
from .source import read_build_info
from .toolchain import main_package, require_go

WATCHED = ("cmd", "internal", "api", "configs", "migrations", "plugins", "go.mod")
INTERVAL = 0.3
"""Seconds between two looks at the files: below what a person notices, above what the disk does."""


def run(
    runner: Runner, settings: Settings, environment: Environment, values: Mapping[str, str], console: Console
) -> None:
    """Build, migrate, serve, and start over at every change; a build that fails waits for the next change."""
    while True:
        before = snapshot(runner.root)
        service = _start(runner, settings, environment, values, console)
        if runner.dry:
            return
        try:
            _wait_for_change(runner.root, before, service)
        finally:
            _stop(service)
        console.note("a file has changed")


def snapshot(root: Path) -> dict[str, int]:
    """The time of last change of every watched file, in nanoseconds."""
    files = [path for name in WATCHED for path in _files(root / name)]
    return {str(path): path.stat().st_mtime_ns for path in files if path.exists()}


def _start(
    runner: Runner, settings: Settings, environment: Environment, values: Mapping[str, str], console: Console
) -> subprocess.Popen[bytes] | None:
    info = read_build_info(runner, settings.service, environment.name, settings.bakes(environment))
    package = main_package(runner.root, settings.service)
    plan = plan_build(require_go(runner), runner.root, environment, info, "", package)
    env = clean_environment(values, FOR_SERVICE)
    try:
        with console.step("build"):
            build(runner, plan, info)
        if settings.database != "none" and runner.stream([str(plan.output), "migrate"], env=env) != 0:
            raise DeployFault("the migrations failed", remedy="mend them: the next change of a file tries again")
    except (BuildFault, DeployFault) as fault:
        if runner.dry:
            raise
        console.note(str(fault))
        return None
    if runner.dry:
        return None
    # Apart from this terminal, so that Ctrl-C reaches it once, from here.
    return subprocess.Popen([str(plan.output), "serve"], cwd=runner.root, env=env, start_new_session=True)


def _wait_for_change(root: Path, before: Mapping[str, int], service: subprocess.Popen[bytes] | None) -> None:
    pause = threading.Event()
    told = False
    while snapshot(root) == before:
        if service is not None and service.poll() is not None and not told:
            print(f"  the service ended with exit code {service.returncode}; waiting for a change", flush=True)
            told = True
        pause.wait(INTERVAL)


def _stop(service: subprocess.Popen[bytes] | None) -> None:
    if service is None or service.poll() is not None:
        return
    service.terminate()
    try:
        service.wait(timeout=5)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
