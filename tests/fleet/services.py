"""Fleets of services that were made from the made-up releases, and the tasks over them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from service_tasks.engine.build.toolchain import find_go

from ..support.service import ROOT, git
from ..support.waiting import until

BRANCH = "template-update/v1.3.0"
FORMER, NEWER = "v1.1.0", "v1.3.0"


@dataclass(frozen=True)
class Fleet:
    """Services in one folder, and a place for what the task keeps between runs."""

    folder: Path
    home: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a task of the template's, from the folder of the services."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *words]

    def environment(self) -> dict[str, str]:
        """State and clones of its own; Go's cache is that of all tests."""
        cache = subprocess.run([find_go(), "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip()
        own = {"XDG_STATE_HOME": str(self.home / "state"), "XDG_CACHE_HOME": str(self.home / "cache")}
        return {**os.environ, **own, "GOCACHE": cache, "NO_COLOR": "1"}

    def branches(self, name: str) -> list[str]:
        return git(self.folder / name, "branch", "--format=%(refname:short)").split()

    def clones(self) -> list[Path]:
        return list((self.home / "cache").glob("copier-gin/fleet/*.clone/*/.git/HEAD"))


def make_fleet(folder: Path, seed: Path, *names: str) -> Fleet:
    (folder / "services").mkdir()
    for name in names:
        shutil.copytree(seed, folder / "services" / name, symlinks=True)
        git(folder / "services" / name, "config", "user.name", f"Owner of {name}")
        git(folder / "services" / name, "config", "user.email", f"{name}@example.com")
    return Fleet(folder / "services", folder)


def names_and_contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}


def interrupted(fleet: Fleet, name: str, sign: signal.Signals) -> subprocess.Popen[str]:
    """A run that gets a signal while a clone is worked on."""
    run = subprocess.Popen(
        fleet.command("fleet.update", name),
        cwd=fleet.folder,
        env=fleet.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: bool(fleet.clones()) or run.poll() is not None, "no clone is made")
    run.send_signal(sign)
    run.wait(timeout=30)
    return run
