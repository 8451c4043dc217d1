"""Three ways that are all up, changed in turn: what the machine does meanwhile touches all of them alike."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from .measure import Say, measure_change, rounded
from .service import BenchError
from .ways import Way

QUIET_SECONDS = 3.0
"""How long the machine is looked at before each run."""
QUIET_SHARE = 0.15
"""The part of all cores that may be at work while nothing is deployed: the idle stacks take some 3 to 8 %."""
PATIENCE = 20
"""How often a busy machine is looked at again before the race is given up."""


def measure_race(ways: Mapping[str, Way], client: Path, rounds: int, say: Say) -> dict[str, Any]:
    """Bring all ways up, and change a line in each of them in turn, `rounds` times; then nothing, as often.

    Raises BenchError where the machine stays too busy for the figures to mean anything.
    """
    taken: dict[str, dict[str, list[float]]] = {name: {"total": [], "serving": [], "nothing": []} for name in ways}
    busiest = 0.0
    try:
        for way in ways.values():
            way.prepare()
            way.deploy()
        for number in range(rounds):
            for name, way in ways.items():
                busiest = max(busiest, _quiet())
                change = measure_change(way, client)
                taken[name]["total"].append(change.total)
                taken[name]["serving"].append(change.serving)
                taken[name]["nothing"].append(way.deploy().seconds)
            said = ", ".join(f"{name} {taken[name]['total'][-1]:.1f} s" for name in ways)
            say(f"  round {number + 1}: {said}")
    finally:
        for way in ways.values():
            way.take_down()
    return {"rounds": rounds, "busy_before": rounded(busiest), "ways": {name: _medians(taken[name]) for name in ways}}


def _medians(taken: Mapping[str, list[float]]) -> dict[str, Any]:
    return {f"{what}_s": rounded(median(values)) for what, values in taken.items()} | {
        f"{what}_runs": [rounded(value) for value in values] for what, values in taken.items()
    }


def _quiet() -> float:
    """Wait until little else is at work; gives the part of all cores that was busy then."""
    for _ in range(PATIENCE):
        share = _busy_share()
        if share <= QUIET_SHARE:
            return share
    raise BenchError(
        f"other programs keep {share:.0%} of the machine busy, and figures are published from a quiet one:"
        f" below {QUIET_SHARE:.0%}. End them and run it again, or look at ./inv bench --quick"
    )


def _busy_share() -> float:
    before = os.times().elapsed, _busy_seconds()
    time.sleep(QUIET_SECONDS)
    return (_busy_seconds() - before[1]) / ((os.times().elapsed - before[0]) * (os.cpu_count() or 1))


def _busy_seconds() -> float:
    """Seconds that all cores together were at work since the start: /proc/stat, proc(5); 0 where there is none."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0
    user, nice, system, _idle, _iowait, *rest = (int(word) for word in path.read_text().splitlines()[0].split()[1:])
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")
