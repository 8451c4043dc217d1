"""The process target: two slots as processes of this machine behind a small front door. It needs no Docker."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import gobuild
from .configuration import Configuration
from .edge import SLOTS
from .errors import BuildFault, DeployFault
from .paths import private_folder, write_private
from .releases import Release, ReleaseStore, from_texts, to_text
from .runner import Runner, clean_environment
from .settings import Settings
from .source import BuildInfo
from .target import SlotState, Target, fetch_json, require_free_port
from .toolchain import main_package, require_go

HOST = "127.0.0.1"
FRONT_DOOR = "./edge/process"
PAUSE = 0.02
"""Seconds between two looks at a process: there is no engine here that tells."""
STOP_SECONDS = 35
"""More than DRAIN_LEAD and the 20 seconds that the service gives to requests under way."""


@dataclass(frozen=True)
class Process:
    """A process that was started, with the kernel's start time, so that a reused number is not taken for it."""

    pid: int
    started: str
    port: int
    release: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_time(self.pid) == self.started != ""


class FileReleases:
    """Release records as files of the state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> list[Release]:
        """All records, oldest first."""
        return from_texts({path.name: path.read_text(encoding="utf-8") for path in self._folder.glob("*.json")})

    def write(self, release: Release) -> None:
        """Keep a record."""
        write_private(self._folder / f"{release.id}.json", to_text(release))


class ProcessTarget(Target):
    """One environment as processes. `state` is its folder outside the checkout: records, logs, data, binaries."""

    name = "process"

    def __init__(self, runner: Runner, settings: Settings, configuration: Configuration, state: Path) -> None:
        self.runner = runner
        self.settings = settings
        self.configuration = configuration
        self.state = private_folder(state)
        self.releases: ReleaseStore = FileReleases(self.state / "releases")
        self.port = int(configuration["EDGE_PORT"])
        self.url = f"http://localhost:{self.port}"
        self._binary: Path | None = None

    # --- Before anything changes ---------------------------------------------------------------

    def check(self) -> str:
        """A Go toolchain is there or can be had, and the front door's port is free."""
        go = require_go(self.runner)
        if not self._alive("edge"):
            require_free_port(HOST, self.port, "EDGE_PORT")
        return f"no Docker: processes of this machine; {go}"

    def fingerprint(self) -> str:
        """A hash of the values."""
        return self.configuration.fingerprint()[:16]

    # --- Build ---------------------------------------------------------------------------------

    def build(self, info: BuildInfo) -> str:
        """Build the binary for this machine."""
        go = require_go(self.runner)
        package = main_package(self.runner.root, self.settings.service)
        plan = gobuild.plan_build(go, self.runner.root, self.configuration.environment, info, "", package)
        gobuild.build(self.runner, plan, info)
        self._binary = plan.output
        return str(plan.output.relative_to(self.runner.root))

    def package(self, info: BuildInfo) -> str:
        """There is no image: the binary's hash is its identity."""
        if self.runner.dry or self._binary is None:
            return "sha256:(the binary)"
        return "sha256:" + hashlib.sha256(self._binary.read_bytes()).hexdigest()

    # --- State ---------------------------------------------------------------------------------

    def live_slot(self) -> str:
        """The slot that the front door sends requests to, if its process lives."""
        active = self._door().get("active", "")
        return active if active and self._alive(active) else ""

    def slots(self) -> list[SlotState]:
        """Both slots: process, readiness, traffic."""
        door = self._door()
        states = []
        for slot in SLOTS:
            process = self._process(slot)
            if process is None:
                states.append(SlotState(slot, "empty"))
                continue
            ready = process.alive and fetch_json(f"http://{HOST}:{process.port}/readyz")[0] == 200
            states.append(
                SlotState(
                    slot,
                    "running" if process.alive else "stopped",
                    health=("healthy" if ready else "unhealthy") if process.alive else "",
                    traffic="UP" if door.get("active") == slot else "",
                    in_flight=int(door.get("slots", {}).get(slot, {}).get("in_flight", 0)),
                    release=process.release,
                )
            )
        return states

    # --- The steps of a deploy -----------------------------------------------------------------

    def prepare(self, release: Release) -> None:
        """Keep the release's binary and values, and see to it that the front door runs."""
        folder = self._release_folder(release.id)
        if not self.runner.dry and self._binary:
            private_folder(folder)
            shutil.copy2(self._binary, folder / self.settings.service)
            write_private(folder / "values.json", json.dumps(self._values(folder)))
        self.runner.act(f"start the front door at {self.url}", self._start_door)

    def migrate(self, release: Release) -> str:
        """Run the migrations of the new binary."""
        if self.settings.database == "none":
            return "no database"
        argv, env, cwd = self._command(release, "migrate")
        if self.runner.dry:
            self.runner.run(argv)
            return ""
        done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            details = (done.stderr or done.stdout).splitlines()[-12:]
            raise DeployFault("the migrations failed", where=f"exit code {done.returncode}", details=details)
        return (done.stdout.strip().splitlines() or [""])[-1][:100]

    def start(self, release: Release) -> None:
        """Start the release's process on a free port."""
        self.runner.act(f"start {self.settings.service} in the {release.slot} slot", lambda: self._start(release))

    def restart(self, release: Release) -> None:
        """Start a kept release again, with its own binary and values."""
        self.start(release)

    def wait_healthy(self, release: Release, timeout: float) -> str:
        """Ask the process until it is ready; one that exits ends the wait at once."""
        if self.runner.dry:
            return ""
        process = self._process(release.slot)
        deadline = time.monotonic() + timeout
        pause = threading.Event()
        answer: object = ""
        while process and process.alive and time.monotonic() < deadline:
            status, answer = fetch_json(f"http://{HOST}:{process.port}/readyz", timeout=2)
            if status == 200:
                return f"process {process.pid}"
            pause.wait(PAUSE)
        alive = process is not None and process.alive
        what = f"was not healthy within {timeout:.0f} s" if alive else f"exited at its start{self._exit_code()}"
        details = [f"last probe: {json.dumps(answer)[:300]}"] if alive else []
        raise DeployFault(f"the {release.slot} slot {what}", details=details + self._log_lines(release.slot))

    def admit(self, release: Release, former: str) -> None:
        """Send requests to the new slot from now on."""
        self.runner.act(f"send requests to the {release.slot} slot", lambda: self._switch(release.slot))

    def drain(self, slot: str, timeout: float) -> str:
        """Wait until the front door counts no request in flight on the slot."""
        deadline = time.monotonic() + timeout
        pause = threading.Event()
        while (left := int(self._door().get("slots", {}).get(slot, {}).get("in_flight", 0))) and not self.runner.dry:
            if time.monotonic() > deadline:
                return f"{left} requests still under way after {timeout:.0f} s"
            pause.wait(PAUSE)
        return f"{slot} is idle"

    def retire(self, slot: str) -> None:
        """Stop the slot's process; its binary and values are kept."""
        self.runner.act(f"stop the {slot} slot", lambda: self._stop(slot))

    def withdraw(self, slot: str, former: str) -> None:
        """Give the former slot its traffic back, and stop the new one."""
        if self._alive("edge"):
            self._switch(former)
        self._stop(slot)

    # --- Beside a deploy -----------------------------------------------------------------------

    def down(self, data: bool) -> None:
        """Stop both slots and the front door; with `data`, delete everything that is kept as well."""
        for name in (*SLOTS, "edge"):
            self._stop(name)
        if data:
            shutil.rmtree(self.state)

    def log_file(self, slot: str) -> Path:
        """Where a slot's output goes."""
        return self.state / f"{slot}.log"

    def live_environment(self) -> dict[str, str]:
        """The whole environment of the process that serves."""
        process = self._process(self.live_slot())
        return self.environment(process.release) if process else {}

    def environment(self, release: str) -> dict[str, str]:
        """The whole environment of a release's process."""
        values = json.loads((self._release_folder(release) / "values.json").read_text(encoding="utf-8"))
        return clean_environment({str(name): str(value) for name, value in values.items()})

    # --- Pieces --------------------------------------------------------------------------------

    def _values(self, folder: Path) -> dict[str, str]:
        values = dict(self.configuration.service_values())
        for name, text in self.configuration.secret_values().items():
            write_private(folder / "secrets" / name, text)
            values[f"{name}_FILE"] = str(folder / "secrets" / name)
        return values

    def _command(self, release: Release, command: str) -> tuple[list[str], Mapping[str, str], Path]:
        binary = self._release_folder(release.id) / self.settings.service
        env = {} if self.runner.dry else self.environment(release.id)
        return [str(binary), command], env, self.state

    def _start(self, release: Release) -> None:
        self._stop(release.slot)
        argv, env, cwd = self._command(release, "serve")
        port = _free_port()
        lead = {"HTTP_PORT": str(port), "ADMIN_PORT": "0", "LISTEN_HOST": HOST, "DRAIN_LEAD": "100ms"}
        self._spawn(release.slot, argv, {**env, **lead}, cwd, port, release.id)

    def _start_door(self) -> None:
        if self._alive("edge"):
            return
        binary = self.state / "front-door"
        built = self.runner.run([require_go(self.runner), "build", "-trimpath", "-o", str(binary), FRONT_DOOR])
        if not built.ok:
            raise BuildFault("the front door does not build", details=built.tail())
        argv = [str(binary), "-listen", f"{HOST}:{self.port}", "-control", str(self._socket())]
        self._spawn("edge", argv, clean_environment({}), self.state, self.port, "")
        deadline = time.monotonic() + 10
        pause = threading.Event()
        while not self._door():
            if not self._alive("edge") or time.monotonic() > deadline:
                raise DeployFault("the front door does not start", details=self._log_lines("edge"))
            pause.wait(PAUSE)

    def _spawn(self, name: str, argv: list[str], env: Mapping[str, str], cwd: Path, port: int, release: str) -> None:
        with self.log_file(name).open("ab") as log:
            self._child = subprocess.Popen(
                argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        process = Process(self._child.pid, _start_time(self._child.pid), port, release)
        write_private(self.state / f"{name}.process", json.dumps(asdict(process)))

    def _switch(self, active: str) -> None:
        processes = {slot: self._process(slot) for slot in SLOTS}
        addresses = {slot: {"address": f"{HOST}:{process.port}"} for slot, process in processes.items() if process}
        self._ask("PUT", {"active": active, "slots": addresses})

    def _stop(self, name: str) -> None:
        process = self._process(name)
        if process is None or not process.alive:
            return
        os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        pause = threading.Event()
        while process.alive:
            if time.monotonic() > deadline:
                os.kill(process.pid, signal.SIGKILL)
            self._reap()
            pause.wait(PAUSE)

    def _alive(self, name: str) -> bool:
        self._reap()
        process = self._process(name)
        return process is not None and process.alive

    def _reap(self) -> None:
        """Take note of a child's end: until then it would look alive."""
        child = getattr(self, "_child", None)
        if child is not None:
            child.poll()

    def _exit_code(self) -> str:
        child = getattr(self, "_child", None)
        code = child.poll() if child is not None else None
        return f" (exit code {code})" if code is not None else ""

    def _process(self, name: str) -> Process | None:
        try:
            return Process(**json.loads((self.state / f"{name}.process").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _log_lines(self, name: str) -> list[str]:
        try:
            text = self.log_file(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [f"log: {line[:300]}" for line in text.splitlines()[-12:]]

    def _release_folder(self, release: str) -> Path:
        return self.state / "kept" / release

    def _socket(self) -> Path:
        """The control socket: in the temporary folder, as a socket's path may have 108 characters at most."""
        folder = Path(tempfile.gettempdir()) / f"copier-gin-{os.getuid()}"
        name = hashlib.sha256(str(self.state).encode()).hexdigest()[:16]
        return private_folder(folder) / f"{name}.sock"

    def _door(self) -> dict[str, Any]:
        return self._ask("GET") if self._alive("edge") else {}

    def _ask(self, method: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = _UnixConnection(str(self._socket()))
        try:
            connection.request(method, "/", body=json.dumps(document) if document else None)
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError:
            return {}
        finally:
            connection.close()
        if answer.status != 200:
            raise DeployFault("the front door refuses a command", details=[text.strip()])
        return dict(json.loads(text))


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _start_time(pid: int) -> str:
    """When a process was started, as the system tells it; empty where it does not run or is only waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return _start_time_by_ps(pid) if not Path("/proc/self").exists() else ""
    state, *fields = text.rpartition(") ")[2].split()
    # Field 22 of proc(5) is the start time; two fields stand before the state.
    return "" if state in "ZX" else fields[18]


def _start_time_by_ps(pid: int) -> str:
    """The same where there is no /proc, as on macOS."""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
