"""Processes of this machine that outlive the task that started them, found again by a file each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from .paths import write_private
from .waiting import wait_until

PAUSE = 0.02
"""Seconds between two looks at a process: there is no engine here that tells."""
CODE_SECONDS = 5
"""How long a process may take to end after the first of its threads has."""
STOP_SECONDS = 35
"""More than DRAIN_LEAD and the 20 seconds that the service gives to requests under way."""


@dataclass(frozen=True)
class Process:
    """A process that was started, with the system's start time, so that a reused number is not taken for it."""

    pid: int
    started: str
    port: int
    release: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.started != "" and start_time(self.pid) == self.started


class Processes:
    """The named processes of one state folder, each with a log file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def spawn(self, name: str, argv: Sequence[str], env: Mapping[str, str], port: int, release: str = "") -> None:
        """Start a process in the folder, apart from this terminal, with its output in its log file."""
        with self.log_file(name).open("ab") as log:
            child = subprocess.Popen(
                argv, env=env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._children[name] = child
        process = Process(child.pid, start_time(child.pid), port, release)
        write_private(self._file(name), json.dumps(asdict(process)))

    def get(self, name: str) -> Process | None:
        """The process last started under a name, alive or not."""
        self._reap(name)
        try:
            return Process(**json.loads(self._file(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def names(self, prefix: str) -> list[str]:
        """The names that begin so under which processes were started, alive or not."""
        return sorted(path.stem for path in self.folder.glob(f"{prefix}*.process"))

    def forget(self, name: str) -> None:
        """Forget a process that has ended; its log stays."""
        self._file(name).unlink(missing_ok=True)

    def alive(self, name: str) -> bool:
        """Whether the process of a name runs."""
        process = self.get(name)
        return process is not None and process.alive

    def exit_code(self, name: str) -> int | None:
        """The exit code of a process that this task itself has started and that has ended.

        The first of its threads may be gone for a moment before the others: only then is there a code.
        """
        child = self._children.get(name)
        if child is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            child.wait(CODE_SECONDS)
        return child.returncode

    def stop(self, name: str) -> None:
        """Ask a process to end and wait for it; after STOP_SECONDS it is killed."""
        process = self.get(name)
        if process is None or not process.alive:
            return
        os.kill(process.pid, signal.SIGTERM)
        if not wait_until(lambda: not self.alive(name), STOP_SECONDS, PAUSE):
            os.kill(process.pid, signal.SIGKILL)
            wait_until(lambda: not self.alive(name), STOP_SECONDS, PAUSE)

    def log_file(self, name: str) -> Path:
        """Where a process's output goes."""
        return self.folder / f"{name}.log"

    def last_lines(self, name: str, count: int = 12) -> list[str]:
        """The end of a process's log, fit for an error message."""
        try:
            text = self.log_file(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [f"log: {line[:300]}" for line in text.splitlines()[-count:]]

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.process"

    def _reap(self, name: str) -> int | None:
        """Take note of a child's end: until then the system keeps its number."""
        child = self._children.get(name)
        return child.poll() if child else None


def start_time(pid: int) -> str:
    """When a process was started, as the system tells it; empty where it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return "" if Path("/proc/self").exists() else _start_time_by_ps(pid)
    state, *fields = text.rpartition(") ")[2].split()
    # The start time is field 22 of proc(5); process number, name and state come before these.
    return "" if state in "ZX" else fields[18]


def _start_time_by_ps(pid: int) -> str:
    """The same where there is no /proc, as on macOS."""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
