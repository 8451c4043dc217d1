"""What is measured of `invoke deploy` alone: where its seconds go, what it knows when, and many switches."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from .load_client import Load
from .measure import Say, rounded, steps
from .routes import SLOW
from .service import ENV, BenchError, Run, Service
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

CRASH = """func main() {
	if len(os.Args) < 2 || os.Args[1] == "serve" {
		fmt.Fprintf(os.Stderr, "crash at %d\\n", time.Now().UnixMilli())
		os.Exit(7)
	}"""


def measure_deploys(way: Invoke, base: Path, runs: int) -> dict[str, Any]:
    """Deploys of one changed line each: seconds of each step, the tool's own share, and when it knew."""
    details, overheads, knowing = [], [], []
    with _noted_calls(way.service, base) as log:
        for _ in range(runs):
            way.service.change()
            log.unlink(missing_ok=True)
            done = way.deploy()
            seconds: dict[str, float] = json.loads(done.stdout)["seconds"]
            ready = _last_listening(way.service)
            details.append(seconds)
            knowing.append(max(0.0, done.at(" healthy ") - ready))
            overheads.append(_overhead(done, _calls(log), ready, seconds))
    return {
        "runs": runs,
        "steps_s": steps(details),
        "overhead_s": rounded(median(overheads)),
        "ready_to_known_s": rounded(median(knowing)),
    }


def _overhead(done: Run, calls: Sequence[tuple[float, float, str]], ready: float, seconds: dict[str, float]) -> float:
    """Seconds of a deploy that are the tool's own.

    Of the whole, these are taken off: every call of go and docker; the time from the end of `compose up` until the
    service said that it listens; the drain; the stop of the former container.
    """
    children = sum(ended - started for started, ended, _ in calls)
    up = max((ended for _, ended, words in calls if words.startswith("docker compose")), default=ready)
    return done.seconds - children - max(0.0, ready - up) - seconds.get("drain", 0.0) - seconds.get("retire", 0.0)


@contextmanager
def _noted_calls(service: Service, base: Path) -> Iterator[Path]:
    """Have every call of go and docker noted in a file."""
    folder, log = base / "shims", base / "calls"
    folder.mkdir()
    for name in ("go", "docker"):
        program = shutil.which(name)
        if program:
            shim = folder / name
            shim.write_text(SHIM.format(program=program, name=name, log=log), encoding="utf-8")
            shim.chmod(0o755)
    before, service.path = service.path, f"{folder}{os.pathsep}{service.path}"
    try:
        yield log
    finally:
        service.path = before


def _calls(log: Path) -> list[tuple[float, float, str]]:
    lines = [line.split(maxsplit=2) for line in log.read_text(encoding="utf-8").splitlines()]
    return [(float(started), float(ended), words) for started, ended, words in lines]


def _last_listening(service: Service) -> float:
    """When a slot said last that it listens, in seconds since 1970."""
    found = []
    for slot in ("blue", "green"):
        command = ["docker", "logs", "--timestamps", f"{service.name}-{ENV}-app-{slot}-1"]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        found += [line.split()[0] for line in (said.stdout + said.stderr).splitlines() if '"listening"' in line]
    if not found:
        raise BenchError("no slot says that it listens")
    # Nanoseconds are more than Python's parser takes.
    texts = [re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", text) for text in found]
    return max(datetime.fromisoformat(text).timestamp() for text in texts)


def measure_crash(way: Invoke, runs: int) -> float:
    """Seconds from the moment at which the service ends itself at its start until its words are on the screen."""
    service = way.service
    path = service.folder / "cmd" / service.name / "main.go"
    former = path.read_text(encoding="utf-8")
    code = former.replace("func main() {", CRASH, 1)
    code = code.replace("import (", 'import (\n\t"fmt"\n\t"time"', 1)
    took = []
    path.write_text(code, encoding="utf-8")
    try:
        for _ in range(runs):
            done = service.invoke("deploy", f"--env={ENV}", status=5)
            moment, line = next((at, line) for at, line in done.lines if "crash at " in line)
            took.append(moment - int(line.rpartition(" ")[2]) / 1000)
    finally:
        path.write_text(former, encoding="utf-8")
    return rounded(median(took))


def measure_small_tasks(way: Invoke, runs: int) -> dict[str, float]:
    """Seconds of a rollback, of a deploy that finds nothing to do, and of the list of tasks."""
    back, nothing, listing = [], [], []
    for _ in range(runs):
        way.switch("debug")
        back.append(way.rollback().seconds)
    way.deploy()
    for _ in range(max(runs, 3)):
        nothing.append(way.deploy().seconds)
        listing.append(way.service.invoke("--list").seconds)
    return {
        "rollback_s": rounded(median(back)),
        "nothing_new_s": rounded(median(nothing)),
        "list_s": rounded(median(listing)),
    }


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
