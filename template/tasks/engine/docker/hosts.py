"""Hosts that are reached by ssh: one connection each, which carries the engine's socket and the front door's port.

Docker's own ssh:// opens a connection for every request, dozens a deploy, which sshd limits (MaxStartups and
MaxSessions of sshd_config(5)). Here one ssh forwards the socket, and the docker command, Compose and the API use it as
a local one.
"""

from __future__ import annotations

import atexit
import re
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..config.settings import Host
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
)
READY = "ready"


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
    # The command there ends when this process does, however that happens, and the connection with it.
    command = ["ssh", "-T", *options, *forwards, *_place(host), f"echo {READY}; exec cat"]
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
    assert process.stdout is not None
    if process.stdout.readline().strip() != READY:
        raise _unreachable(host, process)
    connection = Connection(_address(host), forwarded(local), port, process, folder)
    atexit.register(connection.close)
    return connection


def _connection_or_fault(host: Host, door: int) -> Connection | Fault:
    try:
        return connect(host, door)
    except Fault as fault:
        return fault


def _place(host: Host) -> list[str]:
    return [*(["-p", str(host.port)] if host.port else []), "--", host.destination]


def _unreachable(host: Host, process: subprocess.Popen[str]) -> MissingFault:
    _, words = process.communicate()
    lines = [line for line in words.splitlines() if line.strip()]
    if "host key verification failed" in words.lower():
        remedy = f"connect once with ssh {host.destination} and accept its key, or add it to known_hosts"
    elif "permission denied" in words.lower():
        remedy = f"ssh {host.destination} must work without a question: load your key into ssh-agent"
    else:
        remedy = f"see that ssh {host.destination} works, and that sshd there allows forwarding"
    what = f"{host.name} cannot be reached by ssh"
    return MissingFault(what, where=f"ssh://{host.destination}", details=lines[-4:], remedy=remedy)


def _address(host: Host) -> str:
    """The host's name as ssh resolves it: what people write into ssh_config need not be known to anybody else."""
    told = subprocess.run(["ssh", "-G", *_place(host)], capture_output=True, text=True, check=False).stdout
    match = re.search(r"^hostname (\S+)$", told, re.MULTILINE)
    return match[1] if match else host.name
