"""What is measured of every way: a changed line until it serves, and a switch under load."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from .load_client import Figures, Load, Report
from .routes import MARKER, SLOW
from .service import BenchError
from .ways import Way

REST = 2.0
"""Seconds of load before and after a switch."""
LEVELS = ("warn", "error")
"""Log levels to switch between; a fresh deploy has another one."""
LISTENING = '"listening"'
"""In the service's log line when it is ready."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Change:
    """One changed line: seconds until the command has ended, until its answer was seen, and the longest gap.

    `knowing` are those from the moment when the new release listened until the command said that it is ready.
    """

    total: float
    serving: float
    gap: float
    knowing: float


def measure_change(way: Way, client: Path) -> Change:
    """Change a line and deploy it, with nobody looking on but one client that asks for the changed line."""
    with Load(client, way.service.port, 0, f"-watch={MARKER}") as load:
        time.sleep(0.5)
        wanted = way.service.change()
        started = time.time()
        done = way.deploy()
        time.sleep(0.5)
        watched = load.report().watched
    knowing = max(0.0, way.known(done) - said_last(way, LISTENING))
    return Change(done.ended - started, watched.first(wanted) - started, watched.longest_gap / 1000, knowing)


def measure_switch(way: Way, client: Path, connections: int, level: str) -> Report:
    """Switch to another log level under load; the phases are before, switch and after."""
    with Load(client, way.service.port, connections, f"-slow={SLOW}") as load:
        load.phase("before")
        time.sleep(REST)
        load.phase("switch")
        way.switch(level)
        load.phase("after")
        time.sleep(REST)
        return load.report()


def change_document(changes: Sequence[Change]) -> dict[str, Any]:
    """Medians in seconds."""
    return {
        "runs": len(changes),
        "total_s": rounded(median(change.total for change in changes)),
        "serving_s": rounded(median(change.serving for change in changes)),
        "gap_s": rounded(median(change.gap for change in changes)),
        "ready_to_known_s": rounded(median(change.knowing for change in changes)),
    }


def switch_document(report: Report) -> dict[str, Any]:
    """One switch under load."""
    before, switch = report.phases["before"], report.phases["switch"]
    return {
        "requests": report.total.requests,
        "lost": report.total.lost,
        "reasons": dict(report.reasons),
        "seconds": rounded(switch.seconds),
        "longest_gap_ms": rounded(max(phase.longest_gap for phase in report.phases.values())),
        "before": _latencies(before),
        "switch": _latencies(switch),
    }


def _latencies(figures: Figures) -> dict[str, float]:
    return {"p50_ms": rounded(figures.p50), "p99_ms": rounded(figures.p99), "slowest_ms": rounded(figures.slowest)}


def measure_way(way: Way, client: Path, changes: int, connections: Sequence[int], say: Say) -> dict[str, Any]:
    """All figures of one way, which is up."""
    counted = []
    for _ in range(changes):
        counted.append(measure_change(way, client))
        say(f"  one line changed: {counted[-1].total:.1f} s, served after {counted[-1].serving:.1f} s")
    switches = {}
    for number, level in zip(connections, LEVELS, strict=False):
        switches[str(number)] = switch_document(measure_switch(way, client, number, level))
        say(f"  a switch under {number} connections: {switches[str(number)]['lost']} lost")
    return {"title": way.title, "change": change_document(counted), "switches": switches}


def said_last(way: Way, words: str) -> float:
    """When a container of the service said these words last, by the engine's clock, in seconds since 1970."""
    found = []
    for name in way.containers():
        command = ["docker", "logs", "--timestamps", name]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        found += [line.split()[0] for line in (said.stdout + said.stderr).splitlines() if words in line]
    if not found:
        raise BenchError(f"no container of {way.title} says {words}")
    # Nanoseconds are more than Python's parser takes.
    texts = [re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", text) for text in found]
    return max(datetime.fromisoformat(text).timestamp() for text in texts)


def rounded(value: float) -> float:
    """Three figures after the point are more than any of this deserves."""
    return round(value, 3)


def steps(seconds: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of every step that all runs have."""
    names = [name for name in seconds[0] if all(name in run for run in seconds)]
    return {name: rounded(median(run[name] for run in seconds)) for name in names}
