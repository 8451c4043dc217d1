"""What the docker target can do beside a deploy: look into the stack, hold it, break it, take it down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.configuration import Configuration
from ..core.errors import UsageFault
from ..core.slots import SLOTS
from ..deploy.overrides import Change
from ..deploy.target import Target, nothing_serves
from . import maintenance, overrides
from .compose import PROCESS, SLOT
from .engine import SERVICE_LABEL
from .faults import container_fault, service_of
from .fence import plain_name
from .servers_for_tests import servers_for_tests
from .slot_processes import SlotProcesses
from .stack import Stack
from .teardown import take_down

ADMIN_PORT = 9090
"""As docker-compose.yml has it."""

if TYPE_CHECKING:
    from docker.models.containers import Container


class DockerOperations(Target):
    """A part of the docker target."""

    stack: Stack

    def needs_password(self) -> bool:
        """The database's volume tells: a password counts at its first start alone."""
        return self.stack.project.own_database and not self.stack.engine.volume_exists(
            f"{self.stack.project.name}_database"
        )

    def configure(self, configuration: Configuration) -> None:
        """What is built, kept and brought up from now on has these values."""
        self.stack.project = replace(self.stack.project, configuration=configuration)

    def take_down(self, data: bool) -> None:
        """Remove the stack's containers and networks."""
        take_down(self.stack, data)

    def door_runs(self) -> bool:
        """The edge's container runs."""
        return self.stack.running("edge")

    def in_maintenance(self) -> bool:
        """HAProxy's map says so."""
        return maintenance.is_on(self.stack)

    def set_maintenance(self, on: bool) -> None:
        """Change HAProxy's map."""
        maintenance.switch(self.stack, on)

    def apply_override(self, change: Change) -> str:
        """In the release's volume."""
        return overrides.apply(self.stack, self._require_live(), change)

    def show_logs(self, service: str, lines: str, follow: bool) -> int:
        """What Compose prints of them."""
        options = ["--tail", lines, *(["--follow"] if follow else [])]
        processes = self._processes(service)
        names = processes if service else [*(f"app-{slot}" for slot in SLOTS), *processes]
        return self.stack.show("--profile", "*", "logs", *options, *(names or [service]), beside=processes)

    def execute(self, service: str, command: Sequence[str]) -> int:
        """Run it in the service's container."""
        terminal = [] if sys.stdin.isatty() else ["--no-TTY"]
        live = self.live_slot()
        processes = self._processes(service, live) if service else []
        place = next(iter(processes), service or f"app-{live}")
        return self.stack.show("--profile", "*", "exec", *terminal, place, *command, beside=processes)

    def _processes(self, name: str = "", slot: str = "") -> list[str]:
        """The stack's services of what runs beside the service: of one process, in one slot, or of all."""
        found = [each for each in self.stack.engine.find_all(self.stack.name) if each.labels.get(PROCESS)]
        own = [each for each in found if name in ("", each.labels[PROCESS]) and slot in ("", each.labels.get(SLOT))]
        return sorted({each.labels[SERVICE_LABEL] for each in own})

    def pid_here(self) -> int:
        """The engine has it, in the numbers of the machine that it runs on."""
        return int(self._container_here().attrs["State"]["Pid"])

    def _container_here(self) -> Container:
        """That of the slot that serves; UsageFault where its processes are none of this machine."""
        endpoint = self.stack.project.endpoint
        container = self.stack.require(f"app-{self._require_live()}")
        pid = int(container.attrs["State"]["Pid"])
        if endpoint.place or not endpoint.local or not _is_of(pid, str(container.id)):
            remedy = "call it in a checkout on that host, with the docker command's own engine"
            where = endpoint.place or endpoint.host
            raise UsageFault("the service's processes are not on this machine", where=where, remedy=remedy)
        return container

    def admin_url(self) -> str:
        """By the address that its container has on this machine."""
        networks = self._container_here().attrs["NetworkSettings"]["Networks"]
        address = next(each["IPAddress"] for name, each in sorted(networks.items()) if name.endswith("front"))
        return f"http://{address}:{ADMIN_PORT}"

    def reached_from_here(self, values: Mapping[str, str]) -> dict[str, str]:
        """In development, what is the stack's own publishes a port."""
        return self.stack.urls_for_host(values)

    def servers_for_tests(self, values: Mapping[str, str]) -> dict[str, str]:
        """The stack's own, by the ports that they publish in development."""
        return servers_for_tests(self.stack, values)

    def victim(self, drill: str, process: str) -> str:
        """A container: of the slot that serves, of a process of its release, or of the database."""
        return plain_name(self._victim(drill, process))

    def fault(self, drill: str, process: str) -> AbstractContextManager[Callable[[float], None]]:
        """A fault of a container."""
        return container_fault(self.stack, drill, self._victim(drill, process))

    def _victim(self, drill: str, process: str) -> Container:
        live = self._require_live()
        if process:
            found = SlotProcesses(self.stack, live).containers
            return next(each for each in found if each.labels[PROCESS] == process)
        return self.stack.require(service_of(drill, live, "database" in self.stack.project.services))

    def _require_live(self) -> str:
        live = self.live_slot()
        if not live:
            raise nothing_serves(self.environment_name)
        return live


def _is_of(pid: int, container: str) -> bool:
    """Whether a process of this machine is in a container; the engine may run in another, as Docker Desktop's does."""
    groups = Path(f"/proc/{pid}/cgroup")
    return groups.exists() and container in groups.read_text(encoding="utf-8")
