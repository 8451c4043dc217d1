"""What is measured of `invoke deploy` alone: where its seconds go, and many switches."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .load_client import Load
from .measure import LISTENING, Say, rounded, said_last, steps
from .routes import SLOW
from .service import BenchError, Run, Service
from .ways import Invoke

SHIM = """\
#!/bin/sh
started=$(date +%s.%N)
"{program}" "$@"
status=$?
echo "$started $(date +%s.%N) {name} $1 $2" >> "{log}"
exit $status
"""
"""Stands before a program on the PATH and notes how long each call of it took."""


ENGINE_CALLS = """\
import http.client
import time

put, get = http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse


def putrequest(self, *words, **options):
    self.started = time.time()
    return put(self, *words, **options)


def getresponse(self):
    answer = get(self)
    with open({log!r}, "a") as notes:
        print(self.started, time.time(), "engine", file=notes)
    return answer


http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse = putrequest, getresponse
"""
"""Python runs it at the start of a task; it notes every request and how long its answer took to begin."""


def measure_deploys(way: Invoke, base: Path, runs: int) -> dict[str, Any]:
    """Deploys of one changed line each: seconds of each step, and the tool's own share."""
    details, overheads = [], []
    with _noted_calls(way.service, base) as log:
        for _ in range(runs):
            way.service.change()
            log.unlink(missing_ok=True)
            done = way.deploy()
            seconds: dict[str, float] = json.loads(done.stdout)["seconds"]
            ready = said_last(way, LISTENING)
            details.append(seconds)
            overheads.append(_overhead(done, _calls(log), ready, seconds))
    return {
        "runs": runs,
        "steps_s": steps(details),
        "overhead_s": rounded(median(overheads)),
    }


def _overhead(done: Run, calls: Sequence[tuple[float, float, str]], ready: float, seconds: dict[str, float]) -> float:
    """Seconds of a deploy that are the tool's own.

    Of the whole, these are taken off: every call of go, of docker and of the engine; the time from the end of
    `compose up` until the service said that it listens; the drain; the stop of the former container.
    """
    up = max((ended for _, ended, words in calls if words.startswith("docker compose")), default=ready)
    others = [(started, ended) for started, ended, _ in calls] + [(up, ready)]
    for step in ("drain", "retire"):
        ended = done.at(f" {step} ")
        others.append((ended - seconds[step], ended))
    return done.seconds - covered(others)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The seconds that lie in at least one of the spans, each from its start to its end."""
    total, reached = 0.0, float("-inf")
    for started, ended in sorted(spans):
        total += max(0.0, ended - max(started, reached))
        reached = max(reached, ended)
    return total


@contextmanager
def _noted_calls(service: Service, base: Path) -> Iterator[Path]:
    """Have every call of go, of docker and of the engine noted in a file."""
    folder, log = base / "shims", base / "calls"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(ENGINE_CALLS.format(log=str(log)), encoding="utf-8")
    for name in ("go", "docker"):
        program = shutil.which(name)
        if program:
            shim = folder / name
            shim.write_text(SHIM.format(program=program, name=name, log=log), encoding="utf-8")
            shim.chmod(0o755)
    before, service.path = service.path, f"{folder}{os.pathsep}{service.path}"
    service.python_path = str(folder)
    try:
        yield log
    finally:
        service.path, service.python_path = before, ""


def _calls(log: Path) -> list[tuple[float, float, str]]:
    lines = [line.split(maxsplit=2) for line in log.read_text(encoding="utf-8").splitlines()]
    return [(float(started), float(ended), words) for started, ended, words in lines]


def measure_list(service: Service, runs: int) -> float:
    """Seconds of the list of tasks."""
    return rounded(median(service.invoke("--list").seconds for _ in range(runs)))


@dataclass
class Levels:
    """The log levels of the releases in a row, so that each deploy is of another one than serves."""

    row: list[str] = field(default_factory=lambda: ["info"])

    def next(self) -> str:
        """The level to deploy, which serves from then on."""
        self.row.append("warn" if self.row[-1] == "error" else "error")
        return self.row[-1]

    def back(self) -> None:
        """After a rollback."""
        self.row.pop()


def _back(number: int) -> bool:
    """Whether switch `number` is a rollback: two of five are."""
    return number % 5 in (2, 4)


def measure_many_switches(
    way: Invoke, client: Path, switches: int, connections: int, say: Say, *options: str
) -> dict[str, Any]:
    """Deploys and rollbacks in turn under load; `options` are the load's own."""
    number = requests = lost = 0
    levels = Levels()
    reasons: dict[str, int] = {}
    took: list[float] = []
    worst = 0.0
    while number < switches:
        with Load(client, way.service.port, connections, f"-slow={SLOW}", *options) as load:
            started = time.monotonic()
            # A load is bounded in time; many switches take several.
            while number < switches and time.monotonic() - started < 60:
                done = way.rollback() if _back(number) else way.switch(levels.next())
                if _back(number):
                    levels.back()
                _require_switch(done)
                took.append(done.seconds)
                number += 1
            report = load.report()
        requests, lost = requests + report.total.requests, lost + report.total.lost
        worst = max(worst, report.total.longest_gap)
        for reason, count in report.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
        say(f"  {number} switches under {connections} connections: {lost} of {requests} requests lost")
    return {
        "switches": number,
        "rollbacks": sum(map(_back, range(number))),
        "connections": connections,
        "requests": requests,
        "lost": lost,
        "reasons": reasons,
        "longest_gap_ms": rounded(worst),
        "switch_s": rounded(median(took)),
    }


def _require_switch(done: Run) -> None:
    outcome = json.loads(done.stdout)["outcome"]
    if outcome not in ("deployed", "rolled back"):
        raise BenchError(f"a switch that was meant to happen did not: {outcome}")
