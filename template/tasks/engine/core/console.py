"""What people see: the progress of steps, tables, plain lines without a terminal, and what programs hear."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

GREEN, RED, YELLOW, DIM, BOLD = "32", "31", "33", "2", "1"
Listener = Callable[[dict[str, Any]], None]


@dataclass
class Step:
    """A step under way; set `detail` to what is worth reading once it is done, call `tell` with how far it is."""

    name: str
    detail: str = ""
    tell: Callable[[str], None] = lambda _: None


@dataclass
class Console:
    """Progress and notes go to `progress`, results to standard output, and each step to `listeners` as a document.

    Colour and the moving clock are used on a terminal only, and colour never where NO_COLOR is set (no-color.org).
    `host` stands in front of each step where there are several; `together` says that others print at the same time.
    """

    progress: TextIO
    seconds: dict[str, float] = field(default_factory=dict)
    host: str = ""
    together: bool = False
    listeners: list[Listener] = field(default_factory=list)

    def of_host(self, host: str, together: bool) -> Console:
        """The same for the steps of one of several hosts, with seconds of its own."""
        return replace(self, host=host, together=together, seconds={})

    @property
    def terminal(self) -> bool:
        """Whether progress goes to a terminal that can move its cursor."""
        return self.progress.isatty() and os.environ.get("TERM") != "dumb"

    def paint(self, text: str, style: str) -> str:
        """`text` in a colour, where colours are wanted."""
        if not self.terminal or os.environ.get("NO_COLOR"):
            return text
        return f"\x1b[{style}m{text}\x1b[0m"

    def note(self, text: str) -> None:
        """One line beside the steps."""
        print(f"  {text}", file=self.progress, flush=True)

    def title(self, text: str) -> None:
        """The line above the steps."""
        print(self.paint(text, BOLD), file=self.progress, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while it runs; its line with the seconds stays, marked when it failed."""
        start = time.monotonic()
        self.report("step", step=name, state="started")
        try:
            with self._clock(name) as tell:
                step = Step(name, tell=tell)
                yield step
        except BaseException as error:
            seconds = round(time.monotonic() - start, 3)
            self._line(self.paint("✗", RED), name, seconds, "")
            reason = str(getattr(error, "what", type(error).__name__))
            self.report("step", step=name, state="failed", seconds=seconds, detail=reason)
            raise
        self.seconds[name] = round(time.monotonic() - start, 3)
        self._line(self.paint("✓", GREEN), name, self.seconds[name], step.detail)
        self.report("step", step=name, state="done", seconds=self.seconds[name], detail=step.detail)

    def report(self, event: str, **facts: Any) -> None:
        """Let the listeners hear of an event; nothing is shown."""
        for listener in self.listeners:
            listener({"event": event, **({"host": self.host} if self.host else {}), **facts})

    def _line(self, mark: str, name: str, seconds: float, detail: str) -> None:
        place = f"{self.host}  " if self.host else ""
        print(f"{mark} {place}{name:<9}{seconds:6.1f} s  {detail}".rstrip(), file=self.progress, flush=True)

    @contextmanager
    def _clock(self, name: str) -> Iterator[Callable[[str], None]]:
        if not self.terminal or self.together:
            yield lambda _: None
            return
        from rich.console import Console as RichConsole
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        title = f"{self.host}  {name}" if self.host else name
        with Progress(*columns, console=RichConsole(file=self.progress), transient=True) as progress:
            task = progress.add_task(title)
            yield lambda text: progress.update(task, description=f"{title}  {text}")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO | None = None) -> None:
    """Print rows under headings, each column as wide as its longest cell."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    for row in [headings, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip(), file=file or sys.stdout)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(document, indent=2))
