"""The front door of the process target: a small Go program (edge/process), driven over a Unix socket."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..build.toolchain import go_environment
from ..core.errors import BuildFault, DeployFault
from ..core.paths import private_folder, write_private
from ..core.processes import PAUSE, Processes
from ..core.runner import FOR_SERVICE, Runner, clean_environment
from ..core.waiting import wait_until
from ..edge.definition import folder_fingerprint

PACKAGE = "./edge/process"
NAME = "edge"
START_SECONDS = 10
SOCKET_PATH_BYTES = 103
"""The longest path of a socket: 104 bytes with the closing NUL on macOS, 108 on Linux (unix(4), unix(7))."""


@dataclass(frozen=True)
class FrontDoor:
    """The front door of one environment, as one of its processes."""

    processes: Processes
    address: str

    @property
    def binary(self) -> Path:
        """Where its program is built."""
        return self.processes.folder / "front-door"

    @property
    def _built_from(self) -> Path:
        return self.processes.folder / "front-door.files"

    @property
    def maintenance(self) -> Path:
        """The file that is there while maintenance is on."""
        return self.processes.folder / "maintenance"

    def build(self, runner: Runner, go: str) -> None:
        """Build the program; BuildFault with the compiler's words, and the one that is there stays."""
        draft = self.binary.with_name(f".{self.binary.name}")
        done = runner.run([go, "build", "-trimpath", "-o", str(draft), PACKAGE], go_environment())
        if not done.ok:
            where = f"{PACKAGE}; one that runs is left alone"
            raise BuildFault("the front door does not build", where=where, details=done.tail())
        if not runner.dry:
            draft.replace(self.binary)
            write_private(self._built_from, folder_fingerprint(runner.root / PACKAGE))

    def outdated(self, root: Path) -> bool:
        """Whether the program was built from other files than those in the checkout."""
        known = self._built_from.read_text(encoding="utf-8") if self._built_from.exists() else ""
        return known != folder_fingerprint(root / PACKAGE)

    def alive(self) -> bool:
        """Whether it runs."""
        return self.processes.alive(NAME)

    def start(self) -> None:
        """Start it where it does not run, and wait until it answers."""
        if self.alive():
            return
        port = int(self.address.rpartition(":")[2])
        argv = [str(self.binary), "-listen", self.address, "-control", str(self._socket())]
        argv += ["-maintenance", str(self.maintenance)]
        self.processes.spawn(NAME, argv, clean_environment({}, FOR_SERVICE), port)
        wait_until(lambda: bool(self.state()) or not self.alive(), START_SECONDS, PAUSE)
        if not self.state():
            raise DeployFault("the front door does not start", details=self.processes.last_lines(NAME))

    def active(self) -> str:
        """The slot that requests go to."""
        return str(self.state().get("active", ""))

    def in_flight(self, slot: str) -> int:
        """The number of requests under way on a slot."""
        return int(self.state().get("slots", {}).get(slot, {}).get("in_flight", 0))

    def switch(self, active: str, addresses: Mapping[str, str]) -> None:
        """Send requests to a slot from the next one on; `addresses` are those of all slots."""
        slots = {slot: {"address": address} for slot, address in addresses.items()}
        self._ask("PUT", {"active": active, "slots": slots})

    def state(self) -> dict[str, Any]:
        """What it says of itself; empty where it does not answer."""
        return self._ask("GET") if self.alive() else {}

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

    def _socket(self) -> Path:
        """The control socket: in the temporary folder, or in /tmp where that makes its path too long for a socket."""
        name = hashlib.sha256(str(self.processes.folder).encode()).hexdigest()[:16]
        paths = [
            Path(folder) / f"copier-gin-{os.getuid()}" / f"{name}.sock" for folder in (tempfile.gettempdir(), "/tmp")
        ]
        path = next((path for path in paths if len(os.fsencode(path)) <= SOCKET_PATH_BYTES), paths[-1])
        private_folder(path.parent)
        return path


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
