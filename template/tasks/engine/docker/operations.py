"""What the docker target can do beside a deploy: look into the stack, hold it, break it, take it down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config.configuration import Configuration
from ..core.errors import DeployFault
from ..core.slots import SLOTS
from ..deploy.target import Target
from . import maintenance
from .errors import telling_faults
from .faults import container_fault, service_of
from .fence import plain_name
from .stack import Stack
from .teardown import take_down

if TYPE_CHECKING:
    from docker.models.containers import Container


@telling_faults
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

    def show_logs(self, lines: str, follow: bool) -> int:
        """What Compose prints of both slots."""
        options = ["--tail", lines, *(["--follow"] if follow else [])]
        return self.stack.show("--profile", "*", "logs", *options, *(f"app-{slot}" for slot in SLOTS))

    def execute(self, service: str, command: Sequence[str]) -> int:
        """Run it in the service's container."""
        terminal = [] if sys.stdin.isatty() else ["--no-TTY"]
        place = service or f"app-{self.live_slot()}"
        return self.stack.show("--profile", "*", "exec", *terminal, place, *command)

    def database_from_here(self, url: str) -> str:
        """The stack's database publishes a port in development."""
        return self.stack.database_url_for_host(url) if self.stack.project.settings.database == "postgres" else url

    def victim(self, drill: str) -> str:
        """A container: of the slot that serves, or of the database."""
        return plain_name(self._victim(drill))

    def fault(self, drill: str) -> AbstractContextManager[Callable[[float], None]]:
        """A fault of a container."""
        return container_fault(self.stack, drill, self._victim(drill))

    def _victim(self, drill: str) -> Container:
        live = self.live_slot()
        if not live:
            raise DeployFault(f"no release serves in {self.environment_name}", remedy="deploy first")
        return self.stack.require(service_of(drill, live, "database" in self.stack.project.services))
