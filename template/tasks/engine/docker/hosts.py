"""Hosts that are reached by ssh: one connection each, which carries the engine's socket and the front door's port.

Docker's own ssh:// opens a connection for every request, dozens a deploy, which sshd limits (MaxStartups and
MaxSessions of sshd_config(5)). Here one ssh forwards the socket, and the docker command, Compose and the API use it as
a local one.
"""

from __future__ import annotations

import atexit
import re
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..config.host import Host
from ..core.errors import Fault, MissingFault
from ..core.network import free_port
from .endpoint import Endpoint, forwarded

CONNECT_SECONDS = 10
OPTIONS = (
    "BatchMode=yes",
    f"ConnectTimeout={CONNECT_SECONDS}",
    "ExitOnForwardFailure=yes",
    # A host that falls silent is given up after 15 s, and whatever waits for it ends.
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    # A connection of its own: one that is shared would stay with the forwards when the task has ended.
    "ControlMaster=no",
    "ControlPath=none",
)
WELCOME_SECONDS = 20
"""For the host's shell to come to the command, once ssh runs; connecting itself is a part of it."""
READY, DENIED, ABSENT, SILENT = "ready", "denied", "absent", "silent"


@dataclass
class Connection:
    """An ssh connection, which ends with this process.

    `endpoint` is the engine there, `door` this machine's port to the front door there, `address` the host as others
    reach it.
    """

    address: str
    endpoint: Endpoint
    door: int
    process: subprocess.Popen[str] = field(repr=False)
    folder: tempfile.TemporaryDirectory[str] = field(repr=False)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def connect_all(hosts: Sequence[Host], door: int) -> list[Connection]:
    """Connect to all hosts at once; `door` is the front door's port there. MissingFault names each that fails."""
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        found = list(pool.map(lambda host: _connection_or_fault(host, door), hosts))
    faults = [each for each in found if isinstance(each, Fault)]
    if len(hosts) == 1 and faults:
        raise faults[0]
    if faults:
        raise MissingFault(
            f"{len(faults)} of {len(hosts)} hosts cannot be reached",
            where=", ".join(fault.where for fault in faults),
            details=[f"{fault.where}: {' '.join(fault.details)}" for fault in faults],
            remedy=faults[0].remedy,
        )
    return [each for each in found if isinstance(each, Connection)]


def connect(host: Host, door: int) -> Connection:
    """Connect to a host; MissingFault with what ssh says where that fails."""
    folder = tempfile.TemporaryDirectory(prefix="copier-gin-")
    local, port = Path(folder.name) / "docker.sock", free_port()
    forwards = ["-L", f"{local}:{host.socket}", "-L", f"127.0.0.1:{port}:127.0.0.1:{door}"]
    options = [word for option in OPTIONS for word in ("-o", option)]
    command = ["ssh", "-T", *options, *forwards, *_place(host), _look_at(host.socket)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C must not cut the connection that putting things back needs.
        )
    except FileNotFoundError as error:
        raise MissingFault("ssh is not installed", remedy="install the OpenSSH client") from error
    found = _found(process)
    if found != READY:
        raise _unusable(host, process, found)
    connection = Connection(_address(host), forwarded(local, host.url + host.socket), port, process, folder)
    atexit.register(connection.close)
    return connection


def _connection_or_fault(host: Host, door: int) -> Connection | Fault:
    try:
        return connect(host, door)
    except Fault as fault:
        return fault


def _look_at(path: str) -> str:
    """A command for whatever shell the host has: says whether the engine's socket can be used, and waits.

    It ends when this process does, however that happens, and the connection with it. What the shell says before, as a
    greeting, may end in the middle of a line.
    """
    socket = shlex.quote(path)
    return f"echo; test -e {socket} || echo {ABSENT}; test -w {socket} && echo {READY} || echo {DENIED}; exec cat"


def _found(process: subprocess.Popen[str]) -> str:
    """What the command there found; SILENT where the shell does not come to it, empty where the connection ends."""
    assert process.stdout is not None
    given_up = threading.Event()

    def give_up() -> None:
        given_up.set()
        process.kill()

    patience = threading.Timer(WELCOME_SECONDS, give_up)
    patience.start()
    try:
        for line in process.stdout:
            if (word := line.strip()) in (READY, DENIED, ABSENT):
                return word
        return SILENT if given_up.is_set() else ""
    finally:
        patience.cancel()


def _place(host: Host) -> list[str]:
    return [*(["-p", str(host.port)] if host.port else []), "--", host.destination]


def _unusable(host: Host, process: subprocess.Popen[str], found: str) -> MissingFault:
    """Why no engine can be used through a connection, which ends."""
    process.kill()
    _, words = process.communicate()
    where = host.url
    if found == ABSENT:
        what = f"{host.name} has no Docker engine at {host.socket}"
        remedy = f"start Docker there, or name its socket in invoke.yaml, as in {where}/run/user/1000/docker.sock"
        return MissingFault(what, where=where, remedy=remedy)
    if found == DENIED:
        what = f"this user may not use the Docker engine of {host.name}, at {host.socket}"
        remedy = "sudo usermod --append --groups docker USER there, then connect again; or use a rootless engine"
        return MissingFault(what, where=where, remedy=remedy)
    lines = [line for line in words.splitlines() if line.strip()]
    if found == SILENT:
        lines.append(f"its shell did not come to the command within {WELCOME_SECONDS} s")
    remedy = _remedy(host, words.lower())
    return MissingFault(f"{host.name} cannot be reached by ssh", where=where, details=lines[-4:], remedy=remedy)


def _remedy(host: Host, words: str) -> str:
    if "host key verification failed" in words:
        return f"connect once with ssh {host.destination} and accept its key, or add it to known_hosts"
    if "permission denied" in words:
        return f"ssh {host.destination} must work without a question: load your key into ssh-agent"
    return f"see that ssh {host.destination} true works, and that sshd there allows forwarding"


def _address(host: Host) -> str:
    """The host's name as ssh resolves it: what people write into ssh_config need not be known to anybody else."""
    told = subprocess.run(["ssh", "-G", *_place(host)], capture_output=True, text=True, check=False).stdout
    match = re.search(r"^hostname (\S+)$", told, re.MULTILINE)
    return match[1] if match else host.name
