"""The load of bench/load: built once, run beside what is measured, read as data."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent / "load"
PAUSE = "25ms"
"""How long a connection rests between two requests: so that the load leaves a part of two cores to what it measures."""
LONGEST = "600s"
"""The bound of every load."""


@dataclass(frozen=True)
class Figures:
    """What was counted in a part of a load; times in milliseconds, `seconds` in seconds."""

    name: str
    requests: int
    lost: int
    p50: float
    p99: float
    slowest: float
    longest_gap: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """A whole load: its figures, its phases by name, why requests were lost, which orders were acknowledged."""

    total: Figures
    phases: Mapping[str, Figures]
    reasons: Mapping[str, int]
    created: list[str]
    watched: Watched


@dataclass(frozen=True)
class Watched:
    """What the watcher of one path saw: answers with the time of the first of each, in seconds since 1970."""

    changes: list[tuple[float, str]] = field(default_factory=list)
    requests: int = 0
    lost: int = 0
    longest_gap: float = 0.0

    def first(self, answer: str) -> float:
        """When `answer` was seen first; KeyError where it never was."""
        found = next((at for at, seen in self.changes if seen == answer), None)
        if found is None:
            raise KeyError(answer)
        return found


def find_go() -> str:
    """The machine's Go, or nothing."""
    return shutil.which("go") or ""


def build(folder: Path, source: Path = SOURCE) -> Path:
    """Build a load client into a folder."""
    binary = folder / source.name
    command = [find_go() or "go", "build", "-buildvcs=false", "-o", str(binary), "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return binary


class Load:
    """A load under way, from the moment of its making. Its `report` ends it."""

    def __init__(self, binary: Path, port: int, connections: int, *options: str) -> None:
        address = [f"-url=http://127.0.0.1:{port}", f"-connections={connections}"]
        command = [str(binary), *address, f"-pause={PAUSE}", f"-duration={LONGEST}", "-phases", *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def phase(self, name: str) -> None:
        """Begin a phase; the one before ends."""
        assert self._process.stdin
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()

    def report(self) -> Report:
        """Let the requests under way finish and give what was counted."""
        output, _ = self._process.communicate(timeout=60)
        return parse(json.loads(output))

    def end(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def parse(document: Mapping[str, Any]) -> Report:
    """The JSON document of the load client."""
    phases = {phase["name"]: _figures(phase) for phase in document.get("phases") or []}
    seen = document.get("watched") or {"changes": [], "requests": 0, "lost": 0, "longest_gap_ms": 0.0}
    changes = [(change["at_ms"] / 1000, str(change["answer"])) for change in seen["changes"] or []]
    watched = Watched(changes, int(seen["requests"]), int(seen["lost"]), float(seen["longest_gap_ms"]))
    return Report(_figures(document), phases, document["reasons"], list(document.get("created") or []), watched)


def _figures(data: Mapping[str, Any]) -> Figures:
    return Figures(
        name=str(data.get("name", "")),
        requests=int(data["requests"]),
        lost=int(data["lost"]),
        p50=float(data["p50_ms"]),
        p99=float(data["p99_ms"]),
        slowest=float(data["max_ms"]),
        longest_gap=float(data["longest_gap_ms"]),
        seconds=float(data["seconds"]),
    )
