"""The service that is measured, and commands whose output is stamped with the time of each line."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maintain.rendering import example_answers, make_repository, render, write_local_values
from service_tasks.engine.core.network import free_port

from .routes import FIRST_MARK, add_routes, mark

ENV = "staging"
LONGEST = 600
"""The bound of every command, in seconds."""


class BenchError(Exception):
    """A command failed that should not have: its words."""


@dataclass(frozen=True)
class Run:
    """A command that has ended. Times are seconds since 1970; `lines` is what it said on standard error, stamped."""

    started: float
    ended: float
    status: int
    stdout: str
    lines: list[tuple[float, str]]

    @property
    def seconds(self) -> float:
        """From its start to its end."""
        return self.ended - self.started

    def at(self, text: str) -> float:
        """When the first line appeared that holds `text`."""
        for moment, line in self.lines:
            if text in line:
                return moment
        raise BenchError(f"no line holds {text!r}: {self.lines[-5:]}")


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None, status: int = 0) -> Run:
    """Run a command to its end; BenchError where it ends with another status than `status`."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.time()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        lines = [(time.time(), line.rstrip()) for line in process.stderr]
        process.wait(timeout=LONGEST)
        ended = time.time()
        output.seek(0)
        done = Run(started, ended, process.returncode, output.read(), lines)
    if done.status != status:
        said = "\n".join(line for _, line in lines[-12:]) + done.stdout[-1500:]
        raise BenchError(f"{' '.join(command)} ended with {done.status}:\n{said}")
    return done


@dataclass
class Service:
    """A rendered service with the routes of `routes.py`; `state` is where its tasks keep what outlives a checkout."""

    folder: Path
    state: Path
    port: int
    marked: str = FIRST_MARK
    path: str = os.environ.get("PATH", "")
    python_path: str = ""

    @property
    def name(self) -> str:
        """The service's name, which no other service on this machine has."""
        return self.folder.name

    def invoke(self, *words: str, status: int = 0) -> Run:
        """Run one of its tasks."""
        return run([sys.executable, "-m", "invoke", *words], self.folder, self.environment(), status)

    def environment(self) -> dict[str, str]:
        """The environment of its tasks: a user's, in which Python keeps what it compiles."""
        usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {
            **usual,
            "XDG_STATE_HOME": str(self.state),
            "NO_COLOR": "1",
            "PATH": self.path,
            "PYTHONPATH": self.python_path,
        }

    def change(self) -> str:
        """Change one line of its code; gives what its marker answers from then on."""
        return self._mark(+1)

    def undo(self) -> None:
        """Change the line back to what it was before the last change."""
        self._mark(-1)

    def _mark(self, step: int) -> str:
        number = int(self.marked.partition("-")[2]) + step
        former, self.marked = self.marked, f"build-{number}"
        mark(self.folder, former, self.marked)
        return self.marked

    def copy(self, folder: Path) -> Service:
        """The same code elsewhere, for another way to deploy it."""
        shutil.copytree(self.folder, folder)
        return Service(folder, self.state, free_port(), self.marked, self.path)


def make_service(base: Path, images: Mapping[str, str], routes: bool = True, **answers: str) -> Service:
    """Render the example's answers as a git repository, with routes to measure by unless these are in the way."""
    name = f"bench-{secrets.token_hex(3)}"
    folder = render(base / name, {**example_answers(), "guard": "none", "project_name": name, **answers})
    service = Service(folder, base / "state", free_port())
    if routes:
        add_routes(folder)
    write_local_values(folder, {**images, "EDGE_PORT": str(service.port)}, (ENV,))
    make_repository(folder)
    return service


def remove_images(name: str) -> None:
    """Remove the images that the service's tasks and the other ways have made."""
    listed: list[str] = []
    for selection in (f"label=copier-gin.service={name}", f"reference={name}*"):
        command = ["docker", "image", "ls", "--quiet", "--filter", selection]
        listed += subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    if listed:
        subprocess.run(["docker", "image", "rm", "--force", *set(listed)], capture_output=True, check=False)
