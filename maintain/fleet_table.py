"""How a fleet's run is shown while it is under way: a table that moves on a terminal, else a line per service."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from service_tasks.engine.core.console import GREEN, RED, YELLOW, Console

from .fleet_result import CONFLICTS, Result
from .fleet_sources import Source

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {GREEN: "green", RED: "red", YELLOW: "yellow"}
SECONDS_BETWEEN_FRAMES = 0.2


@dataclass
class Progress:
    """The state of all services; any thread may tell it what happens."""

    output: TextIO
    sources: Sequence[Source]
    steps: dict[str, tuple[str, float]] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begins(self, name: str, step: str) -> None:
        """A service begins with a step."""
        with self._lock:
            since = self.steps[name][1] if name in self.steps else time.monotonic()
            self.steps[name] = (step, since)

    def ends(self, result: Result) -> None:
        """A service is done."""
        with self._lock:
            self.results[result.name] = result
            if not self._moving:
                print(line(result, Console(self.output), self._width), file=self.output, flush=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it: the table stays as it was in the end."""
        if not self._moving:
            yield
            return
        from rich.console import Console as RichConsole
        from rich.live import Live

        with Live(
            get_renderable=self._table,
            console=RichConsole(file=self.output),
            refresh_per_second=1 / SECONDS_BETWEEN_FRAMES,
        ):
            yield

    @property
    def _moving(self) -> bool:
        return Console(self.output).terminal

    @property
    def _width(self) -> int:
        return max(len(source.name) for source in self.sources)

    def _table(self) -> Table:
        from rich.table import Table

        with self._lock:
            table = Table("", "service", "version", "outcome", "seconds", box=None, pad_edge=False, header_style="bold")
            table.columns[-1].justify = "right"
            for source in self.sources:
                table.add_row(*self._row(source.name))
            return table

    def _row(self, name: str) -> list[str]:
        if result := self.results.get(name):
            colour = COLOURS[style(result)]
            return [
                f"[{colour}]{mark(result)}[/]",
                name,
                result.versions,
                f"[{colour}]{described(result)}[/]",
                f"{result.seconds:.1f}",
            ]
        if name in self.steps:
            step, since = self.steps[name]
            return ["·", name, "", f"{step} …", f"{time.monotonic() - since:.0f}"]
        return ["", name, "", "waits", ""]


def line(result: Result, console: Console, width: int) -> str:
    """A result on one line."""
    painted = console.paint(mark(result), style(result))
    return f"{painted} {result.name:<{width}}  {result.seconds:6.1f} s  {described(result)}  {result.versions}".rstrip()


def described(result: Result, place: str = "") -> str:
    """The outcome with what makes it one of many: how many conflicts, where, and whether an earlier run did it."""
    count = len(result.update.get("conflicts") or [])
    words = f"conflicts in {count} file{'s' if count > 1 else ''}" if result.code == CONFLICTS else result.outcome
    return words + place + (", by an earlier run" if result.continued else "")


def mark(result: Result) -> str:
    """A sign for good, for conflicts, and for the rest."""
    return {0: "✓", CONFLICTS: "!"}.get(result.code, "✗")


def style(result: Result) -> str:
    """The colour of an outcome."""
    return {0: GREEN, CONFLICTS: YELLOW}.get(result.code, RED)
