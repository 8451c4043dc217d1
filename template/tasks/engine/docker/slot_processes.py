"""What a release runs beside the service, in one slot of a stack: containers of its image that no request comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.process_types import RUNNING_SECONDS, ProcessType, kept_types
from ..core.slots import other
from ..core.waiting import wait_until
from ..deploy.job_runs import JobRun, read_runs
from ..deploy.target import ProcessState
from .compose import PROCESS, SLOT, service_name
from .health import HealthWatch, fault_of, health_of
from .kept_releases import RELEASE
from .slots import STOP_SECONDS
from .stack import Stack

if TYPE_CHECKING:
    from docker.models.containers import Container

PAUSE = 0.1


@dataclass(frozen=True)
class SlotProcesses:
    """The processes of the release in a slot, for the holder of the lock."""

    stack: Stack
    slot: str

    @property
    def containers(self) -> list[Container]:
        """All of them, running or not."""
        found = self.stack.engine.find_all(self.stack.name)
        return [each for each in found if each.labels.get(PROCESS) and each.labels.get(SLOT) == self.slot]

    @property
    def former(self) -> SlotProcesses:
        """Those of the other slot."""
        return SlotProcesses(self.stack, other(self.slot))

    def make(self, types: Sequence[ProcessType], release: str, slot_file: Path | None) -> None:
        """Have those of a release: the ones that are kept, or new ones in place of whatever is there."""
        kept = self.containers
        wanted = Counter({(each.name, release): each.replicas for each in types})
        if Counter((each.labels[PROCESS], each.labels.get(RELEASE, "")) for each in kept) == wanted:
            return
        self.stack.remove(kept)
        if not types:
            return
        services = [service_name(each.name, self.slot) for each in types]
        self.stack.make(services, slot_file, "the processes beside the service cannot be made")

    def end_others(self, release: str) -> None:
        """Remove those of another release, which a deployer that was killed may have left running."""
        self.stack.remove([each for each in self.containers if each.labels.get(RELEASE) != release])

    def take_over(self, types: Sequence[ProcessType], timeout: float) -> None:
        """Have them work in the place of those of the other slot; DeployFault where one does not become healthy."""
        stopped_first = {each.name for each in types if each.stops_first}
        self.former.stop(lambda process: process in stopped_first)
        with self._watched(types) as waits:
            self.start()
            for wait in waits:
                wait(timeout)
        for each in self.containers:
            self.stack.let_come_back(each, True)
        self.former.stop()

    def start(self) -> None:
        """Start those that do not run."""
        for each in self.containers:
            if each.status != "running":
                with self.stack.fence.claimed(each) as claim:
                    claim.start()

    def stop(self, which: Callable[[str], bool] = lambda process: True) -> None:
        """Stop those whose process is meant, and let none come back with the engine."""
        for each in self.containers:
            if which(each.labels[PROCESS]):
                self.stack.let_come_back(each, False)
                each.reload()  # It has its own name again.
                if each.status in ("running", "restarting"):
                    with self.stack.fence.claimed(each) as claim:
                        claim.stop(STOP_SECONDS)

    def give_back(self) -> None:
        """Undo: those of the other slot work again, and these do not."""
        self.stop()
        self.former.start()
        for each in self.former.containers:
            self.stack.let_come_back(each, True)

    def states(self) -> list[ProcessState]:
        """What there is, and what should be, of each type of the slot's release."""
        found = self.containers
        app = self.stack.find(f"app-{self.slot}")
        release = app.labels.get(RELEASE, "") if app else ""
        types = kept_types((self.stack.kept.document(release) or {}) if release else {})
        runs = self._runs(found) if any(each.schedule for each in types) else {}
        return [self._state(each, release, found, runs) for each in types]

    def _runs(self, found: Sequence[Container]) -> dict[str, JobRun]:
        """The last run of each job: what runs of the release is asked."""
        running = next((each for each in found if each.status == "running"), None)
        told = running.exec_run(["/app", "jobs"]).output if running else b""
        return read_runs(str(told, "utf-8", "replace")) if isinstance(told, bytes) else {}

    def _state(
        self, wanted: ProcessType, release: str, found: Sequence[Container], runs: Mapping[str, JobRun]
    ) -> ProcessState:
        own = [each for each in found if each.labels[PROCESS] == wanted.name and each.labels[RELEASE] == release]
        running = [each for each in own if each.status == "running"]
        healthy = [each for each in running if not wanted.probed or health_of(each) == "healthy"]
        counts = (wanted.replicas, len(running), len(healthy))
        return ProcessState(wanted.name, self.slot, *counts, release, wanted.schedule, runs.get(wanted.name))

    @contextmanager
    def _watched(self, types: Sequence[ProcessType]) -> Iterator[list[Callable[[float], None]]]:
        """A wait for each container; their events are heard from now on."""
        probed = {each.name for each in types if each.probed}
        watches = {each: HealthWatch(self.stack.engine, self.stack.name) for each in self.containers}
        try:
            yield [
                _wait_for(each, watch if each.labels[PROCESS] in probed else None) for each, watch in watches.items()
            ]
        finally:
            for watch in watches.values():
                watch.close()


def _wait_for(container: Container, watch: HealthWatch | None) -> Callable[[float], None]:
    """The wait for a container: by its probe, or until it has run for a while."""

    def ended() -> bool:
        container.reload()
        return bool(container.status != "running")

    def stays() -> None:
        if wait_until(ended, RUNNING_SECONDS, PAUSE):
            raise fault_of(container, "exited at its start")

    return (lambda timeout: watch.wait(container, timeout)) if watch else (lambda timeout: stays())
