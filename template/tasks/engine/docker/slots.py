"""A slot's container: what it is in, by itself and by the front door's statistics, and what is done to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DeployFault
from ..deploy.lock import LOOK
from ..deploy.target import SlotState
from ..edge.runtime_api import Traffic
from .health import health_of
from .kept_releases import RELEASE
from .stack import Stack

if TYPE_CHECKING:
    from docker.models.containers import Container

STOP_SECONDS = 40
"""More than the stop_grace_period of a slot, which is what the service and its processes may take."""


@dataclass(frozen=True)
class Slot:
    """One slot of a stack, for the holder of the lock."""

    stack: Stack
    name: str

    @property
    def container(self) -> Container | None:
        """What is in it."""
        return self.stack.find(f"app-{self.name}")

    @property
    def addresses(self) -> list[str]:
        """The addresses of its container, in all networks."""
        container = self.stack.require(f"app-{self.name}")
        networks = container.attrs["NetworkSettings"]["Networks"].values()
        return [each[kind] for each in networks for kind in ("IPAddress", "GlobalIPv6Address") if each.get(kind)]

    def make(self, slot_file: Path | None) -> None:
        """Make its container in place of whatever is there; `slot_file` is what Compose is told of it."""
        service = f"app-{self.name}"
        self.stack.remove(self.stack.engine.find_all(self.stack.name, service))
        self.stack.make([service], slot_file, f"{service} does not start")

    def start(self, release: str) -> None:
        """Start its container, which has to be that of a release."""
        container = self.stack.require(f"app-{self.name}")
        self.stack.fence.require()
        if container.labels.get(RELEASE) != release:
            raise DeployFault("another release was put into the slot meanwhile", where=f"app-{self.name}", remedy=LOOK)
        with self.stack.fence.claimed(container) as claim:
            claim.start()

    def end_restarts(self) -> None:
        """Stop a container that crashes: the engine starts it at moments of its own."""
        container = self.container
        if container is not None and container.attrs["RestartCount"]:
            with self.stack.fence.claimed(container) as claim:
                claim.stop(STOP_SECONDS)

    def stop(self, seconds: int) -> None:
        """Stop its container, and kill what has not ended after some seconds."""
        with self.stack.fence.claimed(self.stack.require(f"app-{self.name}")) as claim:
            claim.stop(seconds)

    def retire(self, seconds: int) -> None:
        """End its process, which gets no requests any more, and kill what has not ended after some seconds."""
        with self.stack.fence.claimed(self.stack.require(f"app-{self.name}")) as claim:
            claim.end(seconds)

    def come_back(self, wanted: bool) -> None:
        """Let its container come back where its process or its engine ends, or not."""
        if container := self.container:
            self.stack.let_come_back(container, wanted)


def slot_state(slot: str, container: Container | None, seen: Traffic | None) -> SlotState:
    """A slot's state; `seen` is what the edge says of its traffic, None where there is no edge to ask."""
    if container is None:
        return SlotState(slot, "empty")
    release = container.labels.get(RELEASE, "")
    if container.status != "running":
        return SlotState(slot, "stopped", release=release)
    state, in_flight = (seen.state, seen.in_flight) if seen else ("", 0)
    return SlotState(slot, "running", health_of(container), state, in_flight, release)
