"""Commands of a fleet's jobs: several at a time, all ended at once when the run is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service_tasks.engine.core.errors import Fault
from service_tasks.engine.core.runner import Outcome
from service_tasks.engine.template.addresses import masked

LIMIT = 1800.0
"""Seconds after which a command is taken for hanging: a cold build of a large service stays below."""


class Stopped(Exception):
    """The run was ended by its user."""


@dataclass
class Commands:
    """Runs commands for many threads, each command in a process group of its own."""

    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def run(self, argv: Sequence[str], cwd: Path, **variables: str) -> Outcome:
        """Run a command that reads nothing, with variables more; Stopped where the run has ended meanwhile."""
        with self._lock:
            if self._stopped:
                raise Stopped
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
        try:
            out, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            _end(process)
            process.communicate()
            return Outcome(124, "", f"{argv[0]} did not finish within {LIMIT:.0f} s and was ended")
        finally:
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise Stopped
        return Outcome(process.returncode, out, errors)

    def stop(self) -> None:
        """End all commands that run, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _end(process)

    def git(self, folder: Path, *words: str) -> str:
        """Run git and give what it prints, without the last line's end; Fault with git's own words where it fails."""
        done = self.run(["git", *words], folder)
        if not done.ok:
            raise Fault(
                f"git {words[0]} failed", where=str(folder), details=masked("\n".join(done.tail(6))).splitlines()
            )
        return done.stdout.rstrip("\n")

    def task(self, service: Path, *words: str) -> Outcome:
        """Run a task of a service, with this Python's packages: no service gets a .venv of its own for it."""
        return self.run([sys.executable, "-m", "invoke", "--search-root", str(service), *words], service)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
