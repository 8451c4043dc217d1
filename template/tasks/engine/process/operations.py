"""What the process target can do beside a deploy: look into what runs, hold it, stop it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ..config.configuration import Configuration
from ..config.settings import Settings
from ..core.errors import DeployFault, UsageFault
from ..core.processes import Process, Processes
from ..core.runner import FOR_SERVICE, Runner, clean_environment
from ..core.slots import SLOTS
from ..deploy.overrides import Change
from ..deploy.target import Target, nothing_serves
from . import overrides
from .front_door import NAME as EDGE
from .front_door import FrontDoor
from .release_secrets import ReleaseSecrets
from .slot_processes import names_beside, type_of


class ProcessOperations(Target):
    """A part of the process target."""

    runner: Runner
    settings: Settings
    configuration: Configuration
    state: Path
    running: Processes
    door: FrontDoor

    @property
    def secrets(self) -> ReleaseSecrets:
        """Those of its releases."""
        return ReleaseSecrets(self.runner.root, self.state, self.configuration.environment)

    def needs_password(self) -> bool:
        """There is no database of its own that has one."""
        return False

    def configure(self, configuration: Configuration) -> None:
        """What is built and kept from now on has these values."""
        self.configuration = configuration

    def door_runs(self) -> bool:
        """The front door's process lives."""
        return self.door.alive()

    def in_maintenance(self) -> bool:
        """The front door looks for a file."""
        return self.door.maintenance.exists()

    def set_maintenance(self, on: bool) -> None:
        """Make the file, or delete it."""
        if on:
            self.door.maintenance.touch()
        else:
            self.door.maintenance.unlink(missing_ok=True)

    def show_logs(self, service: str, lines: str, follow: bool) -> int:
        """The end of their files."""
        beside = names_beside(self.running)
        wanted = [name for name in beside if type_of(name) == service] if service else [*SLOTS, *beside]
        files = [str(path) for name in wanted if (path := self.running.log_file(name)).exists()]
        if not files:
            what = f"{service or self.settings.service} never ran in {self.environment_name}"
            raise DeployFault(what, remedy=f"deploy --env={self.environment_name}")
        return self.runner.stream(["tail", "-n", lines, *(["-F"] if follow else []), *files])

    def apply_override(self, change: Change) -> str:
        """In the release's folder."""
        slot, process = self._serving()
        program = self.release_folder(process.release) / self.settings.service
        values, log = self.environment(process.release), self.running.log_file(slot)
        return overrides.apply(program, values, self.environment_name, log, change)

    def execute(self, service: str, command: Sequence[str]) -> int:
        """Run it with the environment of the process that serves."""
        return self.runner.stream(command, env=self.live_environment())

    def pid_here(self) -> int:
        """The process of the slot that serves."""
        return self._serving()[1].pid

    def admin_url(self) -> str:
        """As the process has logged it, for any free port is given to it."""
        log = self.running.log_file(self._serving()[0])
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        listening = next((line for line in reversed(lines) if '"msg":"listening"' in line), "")
        if not listening:
            remedy = "deploy with LOG_LEVEL=info: the service logs then where it tells operators"
            raise UsageFault("the service has not logged where its profiles are", where=str(log), remedy=remedy)
        return f"http://{json.loads(listening)['admin']}"

    def reached_from_here(self, values: Mapping[str, str]) -> dict[str, str]:
        """All of it is on this machine, or elsewhere."""
        return {}

    def victim(self, drill: str, process: str) -> str:
        """Nothing brings processes back, so there is nothing to drill."""
        raise self._not_drilled(drill)

    def fault(self, drill: str, process: str) -> AbstractContextManager[Callable[[float], None]]:
        """There is none."""
        raise self._not_drilled(drill)

    def take_down(self, data: bool) -> None:
        """Stop both slots and the front door."""
        self.runner.act(f"stop the processes of {self.environment_name}", lambda: self._take_down(data))

    def _take_down(self, data: bool) -> None:
        for name in (*SLOTS, *names_beside(self.running), EDGE):
            self.running.stop(name)
        if data:
            self.secrets.forget_all()
            shutil.rmtree(self.state)

    def environment(self, release: str) -> dict[str, str]:
        """The whole environment of a release's process, whose secrets are where it says then."""
        self.secrets.require(release)
        values = json.loads((self.release_folder(release) / "values.json").read_text(encoding="utf-8"))
        return clean_environment({str(name): str(value) for name, value in values.items()}, FOR_SERVICE)

    def release_folder(self, release: str) -> Path:
        """Where a kept release's binary and values are."""
        return self.state / "kept" / release

    def live_environment(self) -> dict[str, str]:
        """The whole environment of the process that serves."""
        process = self.running.get(self.live_slot())
        return self.environment(process.release) if process else {}

    def _serving(self) -> tuple[str, Process]:
        """The slot that serves, and its process."""
        slot = self.live_slot()
        process = self.running.get(slot)
        if process is None:
            raise nothing_serves(self.environment_name)
        return slot, process

    def _not_drilled(self, drill: str) -> UsageFault:
        return UsageFault(
            f"drill.{drill} needs the docker target, and {self.environment_name} has the target {self.name}",
            where="invoke.yaml",
            remedy="drill an environment with target: docker",
        )
