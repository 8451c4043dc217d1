"""`./inv fleet.status` and `./inv fleet.update`: many services and their template."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service_tasks.engine.core.console import print_json
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.template.repository import forget_surroundings

from . import fleet_report
from .fleet_commands import Commands
from .fleet_job import Job, Order
from .fleet_result import Result
from .fleet_sources import Source, read_sources
from .fleet_table import Progress

MOST_JOBS = 16


def update_fleet(words: Sequence[str], jobs: str, order: Order, json: bool, report: str) -> int:
    """Bring services to their template's newest version; gives the exit code. UsageFault for words without meaning."""
    return _run(words, jobs, json, report, Job.update, order)


def show_fleet(words: Sequence[str], jobs: str, json: bool) -> int:
    """Say which version each service is on; gives the exit code."""
    return _run(words, jobs, json, "", Job.look, Order())


def read_jobs(text: str) -> int:
    """How many services at once: one per processor where nothing is said."""
    if not text:
        return min(os.cpu_count() or 1, MOST_JOBS)
    if not re.fullmatch(r"[1-9]\d*", text) or int(text) > MOST_JOBS:
        raise UsageFault(f'--jobs "{text}" is not a number from 1 to {MOST_JOBS}', remedy="as in --jobs=2")
    return int(text)


def _run(words: Sequence[str], jobs: str, json: bool, report: str, do: Callable[[Job], Result], order: Order) -> int:
    forget_surroundings()
    sources, workers = read_sources(words, Path.cwd()), read_jobs(jobs)
    progress = Progress(sys.stderr if json else sys.stdout, sources)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled CI job ends its commands as Ctrl-C does
    start = time.monotonic()
    with progress.shown():
        results = bring(sources, workers, order, progress, do)
    seconds = time.monotonic() - start
    _tell(progress, results, seconds)
    if report:
        written = fleet_report.write(Path(report), results, seconds, workers)
        print(f"Report: {written[1]}", file=progress.output)
    if json:
        print_json(fleet_report.document(results, seconds, workers))
    return fleet_report.exit_code(results)


def bring(
    sources: Sequence[Source], workers: int, order: Order, progress: Progress, do: Callable[[Job], Result]
) -> list[Result]:
    """Do every source, as many at a time as there are workers, and give the results in their order."""
    commands = Commands()

    def one(source: Source) -> Result:
        result = do(Job(source, order, commands, lambda step: progress.begins(source.name, step)))
        progress.ends(result)
        return result

    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(one, sources))
    finally:
        # Reached with work left only by Ctrl-C: what was not begun is not begun any more.
        commands.stop()
        pool.shutdown(cancel_futures=True)


def _tell(progress: Progress, results: Sequence[Result], seconds: float) -> None:
    left = fleet_report.to_do(results)
    lines = ["", *left, ""] if left else [""]
    lines.append(fleet_report.headline(results, seconds))
    print("\n".join(lines), file=progress.output, flush=True)
