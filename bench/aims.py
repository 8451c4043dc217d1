"""The figures to reach, and what was measured of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Aim:
    """One figure: it is reached where `measured` is at most `limit`, or at least, with `least`."""

    what: str
    limit: float
    measured: float
    unit: str
    least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the aim was met."""
        return self.measured >= self.limit if self.least else self.measured <= self.limit

    def row(self) -> list[str]:
        """The cells of its line in the table."""
        sign = "≥" if self.least else "≤"
        aim = "0" if self.limit == 0 else f"{sign} {self.shown(self.limit)}"
        return [self.what, aim, self.shown(self.measured), "yes" if self.reached else "**no**"]

    def shown(self, value: float) -> str:
        """A value with its unit, in as many figures as it deserves."""
        if self.unit == "s":
            return f"{value:.2f} s"
        if self.unit == "ms":
            return f"{value * 1000:.0f} ms"
        if self.unit == "×":
            return f"{value:.2f}"
        if self.unit == "MB":
            return f"{value / 1e6:.1f} MB"
        return f"{value:,.0f}{self.unit}"


def aims(document: Mapping[str, Any]) -> list[Aim]:
    """All of them, from the document of a run."""
    ways, alone = document["ways"], document["invoke"]
    ours = ways["invoke"]
    change = ours["change"]
    times = ways["article"]["change"]["total_s"] / change["total_s"]
    sizes = document["images"]
    return [
        Aim("deploy a one-line change, all steps", 5, change["total_s"], "s"),
        Aim("deploy a one-line change until the new code serves", 3.5, change["serving_s"], "s"),
        *_raced(document),
        Aim("times faster than the article's way", 15, times, "", least=True),
        _lost("requests lost", alone["many"]),
        _lost("requests lost over HTTP/2", alone["http2"]),
        Aim("service ready → deploy knows", 0.1, change["ready_to_known_s"], "ms"),
        Aim("service ends at its start → cause on screen", 1, ours["crash"]["told_s"], "s"),
        Aim("rollback", 3, ours["rollback_s"], "s"),
        Aim("deploy of nothing new", 2, ours["nothing_new_s"], "s"),
        Aim("the tool's own share of a deploy", 0.6, alone["deploy"]["overhead_s"], "s"),
        Aim("`invoke --list`", 0.4, alone["list_s"], "s"),
        Aim("`copier copy`", 3, document["copier_s"], "s"),
        Aim("image without a database", 12e6, sizes["none"], "MB"),
        Aim("image with PostgreSQL", 32e6, sizes["postgres"], "MB"),
        Aim("layers that travel on a code change", 1, ours["changed"]["layers"], ""),
    ]


def _raced(document: Mapping[str, Any]) -> list[Aim]:
    """The aims of the race; none where it was not run yet."""
    race = document.get("race", {}).get("ways")
    if not race:
        return []
    nothing = race["invoke"]["nothing_s"] / race["plain"]["nothing_s"]
    return [
        *_beside(race, "plain", "plain Compose with the same stack", 0.7),
        *_beside(race, "compose", "one container of *Compose at its best*", 1),
        Aim("nothing new, in times of plain Compose", 1, nothing, "×"),
    ]


def _beside(race: Mapping[str, Any], other: str, called: str, limit: float) -> list[Aim]:
    """The two times of a changed line, in times of another way's in the same rounds."""
    return [
        Aim(f"a changed line until {until}, in times of {called}", limit, _ratio(race, other, what), "×")
        for what, until in (("total_s", "all is done"), ("serving_s", "it serves"))
    ]


def _ratio(race: Mapping[str, Any], other: str, what: str) -> float:
    return float(race["invoke"][what] / race[other][what])


def _lost(what: str, many: Mapping[str, Any]) -> Aim:
    return Aim(f"{what} in {many['switches']} switches, {many['connections']} connections", 0, many["lost"], "")
