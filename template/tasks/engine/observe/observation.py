"""An observation as a page of steps: find the process and its functions, let bpftrace count, name what it counted."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.console import Console
from ..core.errors import Fault, MissingFault, UsageFault
from ..core.runner import Outcome, Runner, clean_environment
from ..deploy.target import Target
from . import probes, threads
from .binary import parse_binary
from .flame_graph import flame_graph
from .sums import Latency, Stack, latencies, maps, stacks
from .threads import Threads

PATIENCE = 60
"""Seconds beyond those asked for: bpftrace compiles its program first, and prints its sums last."""
MACHINES_OWN_PIDS = "pid:[4026531836]"
"""The namespace of process numbers that eBPF counts in (PROC_PID_INIT_INO of the kernel)."""
NOISE = re.compile(r"WARNING|uprobe_events|failed to detach|RLIMIT_MEMLOCK|stack id")
"""What bpftrace says that no user can do anything about."""


@dataclass(frozen=True)
class Observed:
    """What was seen of a process; `lacking` are sentences on what this kernel cannot give."""

    pid: int
    seconds: float
    routes: dict[tuple[str, str], Latency]
    on_cpu: Counter[Stack]
    off_cpu: Counter[Stack]
    threads: Threads | None
    lacking: tuple[str, ...]


def observe(target: Target, runner: Runner, console: Console, seconds: int) -> Observed:
    """Watch the process that serves; MissingFault and UsageFault where that is not possible from here."""
    require_machine()
    with console.step("find") as step:
        pid = target.pid_here()
        binary = parse_binary(_read(pid))
        step.detail = f"process {pid}, {len(binary.names):,} functions"
    requests, samples = probes.of_requests(binary, pid), probes.of_samples(pid, seconds)
    before, began = threads.look(pid), time.monotonic()
    with console.step("watch") as step:
        counted, lacking = _count(runner, requests, samples, seconds)
        passed = time.monotonic() - began
        spent = threads.between(before, threads.look(pid), passed)
        step.detail = f"{seconds} s of them with probes"
    if spent is None:
        lacking += ("this kernel keeps no times of threads (no /proc/PID/schedstat)",)
    moved_by = _loaded_at(pid) - binary.loaded_at
    on_cpu, off_cpu = (stacks(counted.get(name, {}), binary, moved_by) for name in ("@on_cpu", "@off_cpu"))
    return Observed(pid, passed, latencies(counted), on_cpu, off_cpu, spent, lacking)


def require_machine() -> None:
    """Refuse where the kernel would not let anybody look, with what to do about it."""
    if sys.platform != "linux":
        raise UsageFault("only a Linux host can be observed: eBPF is a part of its kernel")
    if os.geteuid() != 0:
        remedy = "sudo --preserve-env=HOME ./inv observe …"
        raise UsageFault("observe needs root: the kernel lets nobody else look into processes", remedy=remedy)
    if str(Path("/proc/self/ns/pid").readlink()) != MACHINES_OWN_PIDS:
        remedy = "call it on the host itself"
        raise UsageFault("a container cannot observe: eBPF has the host's numbers of processes", remedy=remedy)
    if shutil.which("bpftrace") is None:
        raise MissingFault("there is no bpftrace here", remedy="install it, as by apt-get install bpftrace")


def write_pictures(observed: Observed, folder: Path, title: str, owner: Path) -> dict[str, str]:
    """Write both flame graphs and give their paths; they belong to whoever `owner` belongs to."""
    pictures = {
        "on_cpu": flame_graph(observed.on_cpu, f"{title}: on the processor", "samples"),
        "off_cpu": flame_graph(observed.off_cpu, f"{title}: requests that wait", "ms", 1e-6),
    }
    written: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            path = folder / f"{name.replace('_', '-')}.svg"
            path.write_text(picture, encoding="utf-8")
            written[name] = str(path)
        for made in (folder, *map(Path, written.values())):
            os.chown(made, owner.stat().st_uid, owner.stat().st_gid)
    except OSError as error:
        raise UsageFault(f"the pictures cannot be written: {error.strerror}", where=str(folder)) from error
    return written


def _count(runner: Runner, requests: str, samples: str, seconds: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What bpftrace has counted; only samples where the kernel lets it put no probes into a binary, and why."""
    done = _run(runner, requests + samples, seconds)
    if done.ok:
        return maps(done.stdout), ()
    words = _words(done)
    done = _run(runner, samples, seconds)
    if not done.ok:
        raise Fault("bpftrace does not work with this kernel", details=[*words, *_words(done)])
    return maps(done.stdout), ("this kernel takes no uprobes, so requests were not timed", *words)


def _run(runner: Runner, program: str, seconds: int) -> Outcome:
    return runner.run(probes.command(program), clean_environment(probes.LIMITS), seconds + PATIENCE)


def _words(done: Outcome) -> list[str]:
    return [line for line in done.tail() if not NOISE.search(line)][-3:]


def _read(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/exe").read_bytes()
    except OSError as error:
        raise MissingFault(f"its binary cannot be read: {error.strerror}", where=f"/proc/{pid}/exe") from error


def _loaded_at(pid: int) -> int:
    """The lowest address of a process's own binary in its memory (proc_pid_maps(5))."""
    executable = str(Path(f"/proc/{pid}/exe").readlink())
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return min(int(line.partition("-")[0], 16) for line in lines if line.endswith(executable))
