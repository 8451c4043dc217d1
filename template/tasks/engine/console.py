"""What people see: the progress of steps, tables, plain lines where there is no terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

GREEN, RED, YELLOW, DIM, BOLD = "32", "31", "33", "2", "1"


@dataclass
class Step:
    """A step under way; set `detail` to what is worth reading once it is done."""

    name: str
    detail: str = ""


@dataclass
class Console:
    """Progress and notes go to `progress`, results to standard output.

    Colour and the moving clock are used on a terminal only, and colour never where NO_COLOR is set (no-color.org).
    """

    progress: TextIO
    seconds: dict[str, float] = field(default_factory=dict)

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
        step = Step(name)
        start = time.monotonic()
        try:
            with self._clock(name):
                yield step
        except BaseException:
            self._line(self.paint("✗", RED), name, time.monotonic() - start, "")
            raise
        self.seconds[name] = round(time.monotonic() - start, 3)
        self._line(self.paint("✓", GREEN), name, self.seconds[name], step.detail)

    def _line(self, mark: str, name: str, seconds: float, detail: str) -> None:
        print(f"{mark} {name:<9}{seconds:6.1f} s  {detail}".rstrip(), file=self.progress, flush=True)

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        if not self.terminal:
            yield
            return
        from rich.console import Console as RichConsole
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=RichConsole(file=self.progress), transient=True) as progress:
            progress.add_task(name)
            yield


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO | None = None) -> None:
    """Print rows under headings, each column as wide as its longest cell."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    for row in [headings, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip(), file=file or sys.stdout)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(document, indent=2))
