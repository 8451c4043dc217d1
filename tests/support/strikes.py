"""Faults that strike a deploy at the moment when a step of it begins, and what clients saw meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from bench.routes import LEVEL, add_routes
from service_tasks.engine.drill.load import Load

from .service import Service, docker
from .waiting import PATIENCE
from .waiting import until as until

CONNECTIONS = 4
LEVELS = ("debug", "warn", "error", "info")
_turns = count()


def with_levels(service: Service) -> Service:
    """Deploy a service whose clients can see which release answers them: each release has another log level."""
    add_routes(service.folder)
    service.commit("Answer the log level")
    service.deploy("--set", f"LOG_LEVEL={LEVELS[-1]}")
    return service


def next_level(service: Service) -> str:
    """A log level that does not serve yet: a new release without a build."""
    serving = service.get(LEVEL).body
    return next(level for level in (LEVELS[next(_turns) % len(LEVELS)] for _ in LEVELS) if level != serving)


@contextmanager
def under_load(service: Service) -> Iterator[Load]:
    """GETs and POSTs on keep-alive connections, all along."""
    load = Load(f"http://127.0.0.1:{service.port}", CONNECTIONS)
    with load.running():
        until(lambda: bool(load.samples), "there is no load")
        yield load
        seen = len(load.samples)
        until(lambda: len(load.samples) > seen + 2 * CONNECTIONS, "the load has ended")


def lost(load: Load, since: float = 0) -> int:
    """How many requests that began after a moment were not answered."""
    return sum(not sample.answered for sample in load.samples if sample.begin > since)


class Strike:
    """A task that is under way; `strike` waits for the moment when a step of it begins."""

    def __init__(self, service: Service, task: str, *words: str) -> None:
        self._events = service.folder.parent / "events.jsonl"
        self._events.write_text("")
        self.process = service.start(task, "--env=staging", f"--events={self._events}", *words)

    def reach(self, step: str, host: str = "") -> None:
        """Wait until a step begins."""
        until(lambda: self._began(step, host) or self.process.poll() is not None, f"{step} does not begin")
        assert self._began(step, host), self.end().stderr

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stand_still(self) -> None:
        """Let it do nothing more until `go_on`, as a laptop that is closed does."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> subprocess.CompletedProcess[str]:
        """What it said, once it has ended."""
        out, errors = self.process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, errors)

    def _began(self, step: str, host: str) -> bool:
        events = [json.loads(line) for line in self._events.read_text().splitlines(keepends=True) if line[-1] == "\n"]
        wanted = {"step": step, "state": "started", **({"host": host} if host else {})}
        return any(wanted.items() <= event.items() for event in events)


def idle_slot(service: Service) -> str:
    """The slot that the next release comes into."""
    return next(str(slot["slot"]) for slot in service.status()["slots"] if slot["traffic"] != "UP")


def crash(service: Service, slot: str) -> None:
    """Let the process of a slot die as if by itself: the engine's restart policy sees no hand in it."""
    name = container(service, slot)
    until(lambda: _pid(name) > 0, f"{name} does not run")
    os.kill(_pid(name), signal.SIGKILL)


def _pid(name: str) -> int:
    return int(docker("inspect", "--format", "{{.State.Pid}}", name).stdout or 0)


def killed_for_good(service: Service, slot: str) -> None:
    """Let a slot's container die so that the engine does not start it again."""
    assert docker("kill", container(service, slot)).returncode == 0


def container(service: Service, slot: str) -> str:
    """The id of a slot's container: its name is another one while a task works on it."""
    labels = [f"com.docker.compose.project={service.folder.name}-staging", f"com.docker.compose.service=app-{slot}"]
    filters = [f"--filter=label={label}" for label in labels]
    return docker("ps", "--all", "--quiet", "--no-trunc", *filters).stdout.strip()


def history(service: Service) -> list[dict[str, Any]]:
    """The documents of history, newest first."""
    done = service.invoke("history", "--env=staging", "--json")
    assert done.returncode == 0, done.stderr
    documents: list[dict[str, Any]] = json.loads(done.stdout)
    return documents


def served_levels(service: Service) -> set[str]:
    """Which releases answer: more than one where both slots get requests."""
    return {str(service.get(LEVEL).body) for _ in range(20)}


def level_of(service: Service, release: dict[str, str] | None) -> str:
    """The log level of a release that status names, as the records have it."""
    found = [each["release"] for each in history(service) if release and each["release"]["id"] == release["id"]]
    return str(found[0]["values"]["LOG_LEVEL"]) if found else "none"


def slot_states(service: Service) -> list[str]:
    """What both slots are in, sorted."""
    return sorted(slot["state"] for slot in service.status()["slots"])
