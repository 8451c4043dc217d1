"""How the kernel's scheduler treated the threads of a process, from what it counts for each of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.errors import DeployFault

Seen = dict[str, tuple[int, int]]
"""Nanoseconds on a processor, and nanoseconds ready to run without one, by thread."""


@dataclass(frozen=True)
class Threads:
    """Seconds that all threads together spent on a processor, waiting for one, and without use for one.

    `queued` is what a limit of processors costs, or neighbours do: the service could have run and was not let.
    """

    on_cpu: float
    run_queue: float
    off_cpu: float

    def document(self) -> dict[str, float]:
        """The same with units in the names, for JSON."""
        return {f"{name}_seconds": round(seconds, 3) for name, seconds in asdict(self).items()}


def look(pid: int) -> Seen:
    """What was counted until now; empty where this kernel keeps no such counts.

    /proc/PID/task/TID/schedstat has both times and a number of time slices (Documentation/scheduler/sched-stats.rst).
    """
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        raise DeployFault("the service's process ended meanwhile", where=f"process {pid}", remedy="see status and logs")
    seen: Seen = {}
    for file in tasks.glob("*/schedstat"):
        try:
            running, waiting, _ = map(int, file.read_text().split())
        except OSError:
            continue  # a thread that has just ended
        seen[file.parent.name] = (running, waiting)
    return seen


def between(before: Seen, after: Seen, seconds: float) -> Threads | None:
    """What became of the threads that are there after `seconds`; None where the kernel keeps no counts."""
    if not after:
        return None
    came = {thread: before.get(thread, (0, 0)) for thread in after}
    running = sum(after[thread][0] - came[thread][0] for thread in after) / 1e9
    waiting = sum(after[thread][1] - came[thread][1] for thread in after) / 1e9
    return Threads(running, waiting, max(0.0, len(after) * seconds - running - waiting))
