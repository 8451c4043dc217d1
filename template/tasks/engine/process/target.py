"""The process target: two slots as processes of this machine behind a small front door. It needs no Docker."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..build.source import BuildInfo
from ..build.toolchain import require_go
from ..config import process_types
from ..config.configuration import Configuration
from ..config.settings import Settings
from ..core.errors import DeployFault
from ..core.network import fetch_json, free_port, require_free_port
from ..core.paths import private_folder, write_private
from ..core.processes import PAUSE, Process, Processes
from ..core.runner import Runner
from ..core.slots import SLOTS
from ..core.waiting import wait_until
from ..deploy import overrides
from ..deploy.lock import Lease, file_lock
from ..deploy.releases import Release, ReleaseStore
from ..deploy.target import ProcessState, SlotState, migration_fault
from . import slot_processes
from .binaries import Binaries
from .front_door import NAME as EDGE
from .front_door import FrontDoor
from .operations import ProcessOperations
from .releases import FileReleases
from .slot_processes import SlotProcesses

HOST = "127.0.0.1"
DRAIN_LEAD = "100ms"
"""Requests have left the slot before it is asked to stop."""


class ProcessTarget(ProcessOperations):
    """One environment as processes. `state` is its folder outside the checkout: records, logs, data, binaries."""

    name = "process"

    def __init__(self, runner: Runner, settings: Settings, configuration: Configuration, state: Path) -> None:
        self.runner = runner
        self.settings = settings
        self.configuration = configuration
        self.environment_name = configuration.environment.name
        self.state = private_folder(state)
        self.running = Processes(self.state)
        self.releases: ReleaseStore = FileReleases(self.state / "releases")
        self.port = int(configuration["EDGE_PORT"])
        self.host = ""
        self.url = self.probe_url = f"http://localhost:{self.port}"
        self.door = FrontDoor(self.running, f"{HOST}:{self.port}")
        self._binaries = Binaries(runner, settings)

    # --- Before anything changes ---------------------------------------------------------------

    def lock(
        self, command: str, wait: float, note: Callable[[str], None], borrow: bool = False
    ) -> AbstractContextManager[Lease]:
        """A lock of this machine, which its end releases."""
        return file_lock(self.state, command, wait, borrow)

    def check(self) -> str:
        """A Go toolchain is there or can be had, and the front door's port is free."""
        go = require_go(self.runner)
        if not self.door.alive():
            require_free_port(HOST, self.port, "EDGE_PORT")
        return f"no Docker: processes of this machine; {go}"

    def fingerprint(self) -> str:
        """A hash of the values."""
        own = f"{self.configuration.fingerprint()}{process_types.fingerprint(self.settings.processes)}"
        return hashlib.sha256(own.encode()).hexdigest()[:16]

    # --- Build ---------------------------------------------------------------------------------

    def build_ahead(self, info: BuildInfo) -> AbstractContextManager[None]:
        """Nothing takes long before it."""
        return nullcontext()

    def build(self, info: BuildInfo) -> str:
        """Build the binaries for this machine, and the front door where it does not run."""
        go = require_go(self.runner)
        built = self._binaries.build(go, self.configuration.environment, info)
        if not self.door.alive():
            self.door.build(self.runner, go)
        return built

    def package(self, info: BuildInfo) -> str:
        """There is no image: the hash of the binaries is their identity."""
        return self._binaries.identity()

    # --- State ---------------------------------------------------------------------------------

    def live_slot(self) -> str:
        """The slot that the front door sends requests to, if its process lives."""
        active = self.door.active()
        return active if active and self.running.alive(active) else ""

    def slots(self) -> list[SlotState]:
        """Both slots: process, readiness, traffic."""
        active = self.door.active()
        return [self._slot_state(slot, self.running.get(slot), active == slot) for slot in SLOTS]

    def _slot_state(self, slot: str, process: Process | None, active: bool) -> SlotState:
        if process is None:
            return SlotState(slot, "empty")
        if not process.alive:
            return SlotState(slot, "stopped", release=process.release)
        ready = fetch_json(f"http://{HOST}:{process.port}/readyz")[0] == 200
        return SlotState(
            slot,
            "running",
            health="healthy" if ready else "unhealthy",
            traffic="UP" if active else "",
            in_flight=self.door.in_flight(slot),
            release=process.release,
        )

    def processes(self) -> list[ProcessState]:
        """Those of the releases in both slots."""
        found = [(slot, self.running.get(slot)) for slot in SLOTS]
        return [state for slot, own in found if own for state in self.processes_of(slot).states(own.release)]

    def processes_of(self, slot: str) -> SlotProcesses:
        """What the release in a slot runs beside the service."""
        return SlotProcesses(self.running, self.release_folder(""), HOST, self.settings.service, slot)

    # --- The steps of a deploy -----------------------------------------------------------------

    def ship(self, release: Release, progress: Callable[[str], None]) -> str:
        """The binary is here."""
        return "built where it runs"

    def keep(self, release: Release) -> None:
        """Keep the release's binary and values."""
        folder = self.release_folder(release.id)
        if not self.runner.dry:
            private_folder(folder)
            self._binaries.copy_to(folder)
            types = [each.document() for each in self.settings.processes]
            write_private(folder / slot_processes.FILE, json.dumps({"processes": types}))
            self.secrets.keep(release.id, self.configuration.secret_values())
            write_private(folder / "values.json", json.dumps(self._values(release.id, folder)))

    def missing(self, release: Release) -> str:
        """A release needs its folder."""
        return "" if (self.release_folder(release.id) / "values.json").exists() else "its binary was removed"

    def secret_changed(self, release: Release, name: str) -> bool:
        """Compare with the file that the release has."""
        return self.secrets.values(release.id).get(name) != self.configuration.secret_values()[name]

    def forget_all_but(self, releases: Sequence[Release]) -> None:
        """Delete the folders of all other releases."""
        kept = {release.id for release in releases}
        self.secrets.forget_all_but(kept)
        for folder in self.release_folder("").glob("*"):
            if folder.name not in kept:
                shutil.rmtree(folder)

    def renew_edge(self) -> None:
        """Build the front door anew, then stop the one that runs; the slots go on."""
        active = self.live_slot()
        self.door.build(self.runner, require_go(self.runner))
        self.runner.act("stop the front door", lambda: self.running.stop(EDGE))
        self.runner.act(f"start the front door at {self.url}", self.door.start)
        if active:
            self.runner.act(f"send requests to the {active} slot", lambda: self._switch(active))

    def edge_outdated(self) -> bool:
        """Compare with what it was built from."""
        return self.door.alive() and self.door.outdated(self.runner.root)

    def bring_up(self) -> None:
        """Start the front door where it does not run."""
        if self.runner.dry or not self.door.alive():
            self.runner.act(f"start the front door at {self.url}", self._start_door)

    def left_behind(self) -> list[str]:
        """There are no services beside the slots."""
        return []

    def migrate(self, release: Release, slot: str) -> str:
        """Run the migrations of the new binary."""
        if self.settings.database == "none":
            return "no database"
        argv = self._command(release, "migrate")
        if self.runner.dry:
            self.runner.run(argv)
            return ""
        env = self.environment(release.id)
        done = subprocess.run(argv, env=env, cwd=self.state, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise migration_fault(done.returncode, (done.stderr or done.stdout).splitlines()[-12:])
        return (done.stdout.strip().splitlines() or [""])[-1][:100]

    def start(self, release: Release, slot: str) -> None:
        """Start the release's process on a free port, in a slot without processes of another one."""
        self.runner.act(f"start {self.settings.service} in the {slot} slot", lambda: self._start(release, slot))

    def take_over(self, release: Release, slot: str, timeout: float) -> str:
        """Have the release's processes run in the place of the other slot's."""
        processes = self.processes_of(slot)

        def take_over() -> None:
            processes.take_over(release.id, self.environment(release.id), timeout)

        self.runner.act(f"run the processes of {release.id}", take_over)
        return ", ".join(each.name for each in processes.types(release.id))

    def interrupt(self) -> None:
        """There is one host, and its wait is in the main thread."""

    def wait_healthy(self, slot: str, timeout: float) -> str:
        """Ask the process until it is ready; one that exits ends the wait at once."""
        if self.runner.dry:
            return ""
        status: int = 0
        answer: object = ""

        def decided() -> bool:
            nonlocal status, answer
            process = self.running.get(slot)
            if process is None or not process.alive:
                return True
            status, answer = fetch_json(f"http://{HOST}:{process.port}/readyz", timeout=2)
            return status == 200

        wait_until(decided, timeout, PAUSE)
        process = self.running.get(slot)
        if status != 200 or process is None:
            raise self._unhealthy(slot, timeout, answer)
        return f"process {process.pid}"

    def slot_version(self, slot: str) -> tuple[int, Any]:
        """Ask the slot's process."""
        process = self.running.get(slot)
        return fetch_json(f"http://{HOST}:{process.port}/version") if process else (0, "no process")

    def admit(self, slot: str, former: str) -> None:
        """Send requests to the new slot from now on."""
        self.runner.act(f"send requests to the {slot} slot", lambda: self._switch(slot))

    def settle(self, slot: str, former: str) -> None:
        """Nothing brings processes back."""

    def ailment(self, slot: str) -> list[str]:
        """The slot's process has ended, or the front door does not send requests to it."""
        return [] if self.live_slot() == slot else [f"no process of the {slot} slot serves"]

    def drain(self, slot: str, timeout: float) -> str:
        """Wait until the front door counts no request in flight on the slot."""
        if self.runner.dry or wait_until(lambda: not self.door.in_flight(slot), timeout, PAUSE):
            return f"{slot} is idle"
        return f"{self.door.in_flight(slot)} requests still under way after {timeout:.0f} s"

    def retire(self, slot: str) -> None:
        """Stop the slot's process; its binary and values are kept."""
        self.runner.act(f"stop the {slot} slot", lambda: self.running.stop(slot))

    def withdraw(self, slot: str, former: str) -> None:
        """Give the former slot its traffic back, and stop the new one."""
        if self.door.alive():
            self._switch(former)
        self.running.stop(slot)
        self.processes_of(slot).stop()
        kept = self.running.get(former) if former and former != slot else None
        if kept:
            self.processes_of(former).start(kept.release, self.environment(kept.release))

    # --- Pieces --------------------------------------------------------------------------------

    def _values(self, release: str, folder: Path) -> dict[str, str]:
        secrets = {
            f"{name}_FILE": str(self.secrets.folder(release) / name) for name in self.configuration.secret_values()
        }
        return {**overrides.variables(str(folder), self.settings), **self.configuration.service_values(), **secrets}

    def _command(self, release: Release, command: str) -> list[str]:
        return [str(self.release_folder(release.id) / self.settings.service), command]

    def _start_door(self) -> None:
        if not self.door.binary.exists():
            self.door.build(self.runner, require_go(self.runner))
        self.door.start()

    def _start(self, release: Release, slot: str) -> None:
        self.running.stop(slot)
        self.processes_of(slot).end_others(release.id)
        port = free_port()
        own = {"HTTP_PORT": str(port), "ADMIN_PORT": "0", "LISTEN_HOST": HOST, "DRAIN_LEAD": DRAIN_LEAD}
        env = {**self.environment(release.id), **own}
        self.running.spawn(slot, self._command(release, "serve"), env, port, release.id)

    def _switch(self, active: str) -> None:
        found = {slot: self.running.get(slot) for slot in SLOTS}
        self.door.switch(active, {slot: f"{HOST}:{process.port}" for slot, process in found.items() if process})

    def _unhealthy(self, slot: str, timeout: float, answer: object) -> DeployFault:
        lines = self.running.last_lines(slot)
        if self.running.alive(slot):
            lines.insert(0, f"last probe: {json.dumps(answer)[:300]}")
            return DeployFault(f"the {slot} slot was not healthy within {timeout:.0f} s", details=lines)
        code = self.running.exit_code(slot)
        known = "" if code is None else f" (exit code {code})"
        return DeployFault(f"the {slot} slot exited at its start{known}", details=lines)
