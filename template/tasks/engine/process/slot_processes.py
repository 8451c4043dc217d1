"""What a release runs beside the service, in one slot: processes of this machine that no request comes to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..config.process_types import RUNNING_SECONDS, ProcessType, kept_types
from ..core.errors import DeployFault
from ..core.network import fetch_json, free_port
from ..core.processes import PAUSE, Process, Processes
from ..core.slots import SLOTS, other
from ..core.waiting import wait_until
from ..deploy.job_runs import JobRun, read_runs
from ..deploy.target import ProcessState

FILE = "processes.json"
RUNS_SECONDS = 20
"""For the program that prints the last runs: its database may be away."""


@dataclass(frozen=True)
class SlotProcesses:
    """The processes of the release in a slot; `kept` is the folder of all releases, `host` is where they listen."""

    processes: Processes
    kept: Path
    host: str
    service: str
    slot: str

    @property
    def former(self) -> SlotProcesses:
        """Those of the other slot."""
        return replace(self, slot=other(self.slot))

    @property
    def names(self) -> list[str]:
        """What they were started as, alive or not: slot, type and number."""
        return self.processes.names(f"{self.slot}.")

    def types(self, release: str) -> tuple[ProcessType, ...]:
        """The types that a kept release has."""
        path = self.kept / release / FILE
        return kept_types(json.loads(path.read_text(encoding="utf-8"))) if release and path.exists() else ()

    def take_over(self, release: str, env: Mapping[str, str], timeout: float) -> None:
        """Have those of a release work in the place of those of the other slot.

        DeployFault where one does not become healthy within `timeout` seconds.
        """
        types = self.types(release)
        stopped_first = {each.name for each in types if each.stops_first}
        self.former.stop(lambda process: process in stopped_first)
        self.start(release, env)
        for each in types:
            for name in self._names_of(each):
                self._wait(name, each, timeout)
        self.former.stop()

    def end_others(self, release: str) -> None:
        """End those of another release, which a deployer that was killed may have left."""
        for name in self.names:
            process = self.processes.get(name)
            if process is None or process.release != release:
                self.processes.stop(name)
                self.processes.forget(name)

    def start(self, release: str, env: Mapping[str, str]) -> None:
        """Start those of a release that do not run, and end those of another one."""
        self.end_others(release)
        for each in self.types(release):
            argv = each.argv(self.service, lambda program: str(self.kept / release / program))
            for name in self._names_of(each):
                if not self.processes.alive(name):
                    port = free_port()
                    own = {"HTTP_PORT": str(port), "ADMIN_PORT": "0", "LISTEN_HOST": self.host}
                    self.processes.spawn(name, argv, {**env, **own}, port, release)

    def stop(self, which: Callable[[str], bool] = lambda process: True) -> None:
        """Stop those whose type is meant."""
        for name in self.names:
            if which(type_of(name)):
                self.processes.stop(name)

    def states(self, release: str) -> list[ProcessState]:
        """What there is, and what should be, of each type of a release."""
        types = self.types(release)
        runs = self._runs(release) if any(each.schedule for each in types) else {}
        return [self._state(each, release, runs) for each in types]

    def _runs(self, release: str) -> dict[str, JobRun]:
        """The last run of each job: the release's program is asked."""
        argv = [str(self.kept / release / self.service), "jobs"]
        env = json.loads((self.kept / release / "values.json").read_text(encoding="utf-8"))
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=RUNS_SECONDS, check=False)
        return read_runs(done.stdout)

    def _state(self, wanted: ProcessType, release: str, runs: Mapping[str, JobRun]) -> ProcessState:
        found = [self.processes.get(name) for name in self._names_of(wanted)]
        running = [each for each in found if each and each.alive and each.release == release]
        healthy = [each for each in running if not wanted.probed or self._ready(each)]
        counts = (wanted.replicas, len(running), len(healthy))
        return ProcessState(wanted.name, self.slot, *counts, release, wanted.schedule, runs.get(wanted.name))

    def _names_of(self, wanted: ProcessType) -> Sequence[str]:
        return [f"{self.slot}.{wanted.name}.{number}" for number in range(1, wanted.replicas + 1)]

    def _ready(self, process: Process) -> bool:
        return fetch_json(f"http://{self.host}:{process.port}/readyz", timeout=2)[0] == 200

    def _wait(self, name: str, wanted: ProcessType, timeout: float) -> None:
        """Wait until a process is well; DeployFault with its last words where it ends, or takes too long."""
        process = self.processes.get(name)
        seconds = timeout if wanted.probed else RUNNING_SECONDS

        def decided() -> bool:
            if process is None or not self.processes.alive(name):
                return True
            return wanted.probed and self._ready(process)

        in_time = wait_until(decided, seconds, PAUSE)
        if not self.processes.alive(name):
            code = self.processes.exit_code(name)
            known = "" if code is None else f" (exit code {code})"
            raise DeployFault(f"{name} exited at its start{known}", details=self.processes.last_lines(name))
        if wanted.probed and not in_time:
            details = self.processes.last_lines(name)
            raise DeployFault(f"{name} was not healthy within {timeout:.0f} s", details=details)


def names_beside(processes: Processes) -> list[str]:
    """What the processes of both slots were started as, alive or not."""
    return [name for slot in SLOTS for name in processes.names(f"{slot}.")]


def type_of(name: str) -> str:
    """The type of a process that was started under a name."""
    return name.split(".")[1]
