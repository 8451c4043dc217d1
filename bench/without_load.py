"""What is measured of every way without load: nothing new, the way back, what a change ships, a crash at the start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from service_tasks.engine.core.network import fetch_json

from .engine import changed_layers
from .measure import rounded, said_last
from .service import Service
from .ways import Way

CRASHED = "crash at the start"
CRASH = f"""func main() {{
	if len(os.Args) < 2 || os.Args[1] == "serve" {{
		os.Stderr.WriteString("{CRASHED}\\n")
		os.Exit(7)
	}}"""


def measure_without_load(way: Way, runs: int) -> dict[str, Any]:
    """Seconds of a deploy of nothing new, of a rollback, and from a crash until it is told; layers that are new.

    The way is up. The crash comes last, as it may leave nothing that serves.
    """
    way.deploy()
    nothing = [way.deploy().seconds for _ in range(runs)]
    back = []
    for _ in range(runs):
        former = way.image()
        way.service.change()
        way.deploy()
        changed = changed_layers(way.image(), former)
        back.append(way.rollback().seconds)
    return {
        "nothing_new_s": rounded(median(nothing)),
        "rollback_s": rounded(median(back)),
        "changed": changed,
        "crash": measure_crash(way, runs),
    }


def measure_crash(way: Way, runs: int) -> dict[str, Any]:
    """Seconds from the moment at which the service ends itself at its start until the command says so.

    And whether the service's own words were shown, and whether the former release serves.
    """
    took = []
    with crashing(way.service):
        for _ in range(runs):
            done = way.fail()
            took.append(way.told(done, CRASHED) - said_last(way, CRASHED))
    return {
        "told_s": rounded(median(took)),
        "shows_words": any(CRASHED in line for _, line in done.lines),
        "serves": fetch_json(f"http://127.0.0.1:{way.service.port}/livez")[0] == 200,
    }


@contextmanager
def crashing(service: Service) -> Iterator[None]:
    """Let the service end as soon as it serves."""
    path = service.folder / "cmd" / service.name / "main.go"
    former = path.read_text(encoding="utf-8")
    path.write_text(former.replace("func main() {", CRASH, 1), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(former, encoding="utf-8")
