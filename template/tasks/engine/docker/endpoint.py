"""The engine that the docker command would use, found as it finds it, and nothing else where that is not there.

Its own files are read here: importing Docker's library takes longer than all else that comes before a build.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..core.errors import MissingFault
from ..core.network import in_url

if TYPE_CHECKING:
    from docker.tls import TLSConfig

LOCAL = "unix:///var/run/docker.sock"
DEFAULT = "default"


@dataclass(frozen=True)
class Certificates:
    """What an engine over TLS is reached with: a folder with ca.pem, cert.pem and key.pem, each where it is needed."""

    folder: Path
    verify: bool = True

    def config(self) -> TLSConfig:
        """The same for Docker's library."""
        from docker.tls import TLSConfig

        certificate, key, authority = (self._file(name) for name in ("cert.pem", "key.pem", "ca.pem"))
        client = (certificate, key) if certificate and key else None
        return TLSConfig(client_cert=client, ca_cert=authority or None, verify=self.verify)

    def _file(self, name: str) -> str:
        path = self.folder / name
        return str(path) if path.exists() else ""


@dataclass(frozen=True)
class Endpoint:
    """An engine: `host` as DOCKER_HOST names it, and the variables that lead a docker command to the same one.

    These are none where the docker command comes to it by itself. `place` is where people know it to be, if `host` is a
    way to it that the tasks have made.
    """

    host: str
    certificates: Certificates | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    place: str = ""

    @property
    def local(self) -> bool:
        """Whether it is on this machine, as far as its address tells."""
        return self.host.startswith(("unix://", "npipe://", "fd://"))

    @property
    def address(self) -> str:
        """This machine, or the other one, as a part of a URL."""
        name = urlsplit(self.host).hostname if not self.local else None
        return in_url(name or "localhost")


def forwarded(socket: Path, place: str) -> Endpoint:
    """An engine behind a socket of this machine that the docker command does not know of; `place` is where it is."""
    return Endpoint(f"unix://{socket}", variables={"DOCKER_HOST": f"unix://{socket}"}, place=place)


def default_endpoint() -> Endpoint:
    """Where the docker command finds its engine: DOCKER_HOST, DOCKER_CONTEXT or the current context.

    MissingFault with docker's own words where it would find none.
    """
    host = os.environ.get("DOCKER_HOST")
    if host:
        return Endpoint(host, _certificates_of_the_shell())
    name = os.environ.get("DOCKER_CONTEXT") or _current_context()
    if name == DEFAULT:
        return Endpoint(LOCAL, _certificates_of_the_shell())
    docker = _engine_of_context(name)
    folder = _context_folder("tls", name) / "docker"
    host = str(docker.get("Host") or LOCAL)
    skips = bool(docker.get("SkipTLSVerify"))
    return Endpoint(host, Certificates(folder, not skips) if folder.is_dir() or skips else None)


def _config_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _current_context() -> str:
    """What docker context use has chosen."""
    try:
        config = json.loads((_config_folder() / "config.json").read_text(encoding="utf-8"))
        return str(config.get("currentContext") or DEFAULT)
    except (OSError, ValueError, AttributeError):
        return DEFAULT


def _context_folder(kind: str, name: str) -> Path:
    """Where the docker command keeps a context's `meta` or `tls`."""
    return _config_folder() / "contexts" / kind / sha256(name.encode()).hexdigest()


def _engine_of_context(name: str) -> Mapping[str, object]:
    try:
        metadata = json.loads((_context_folder("meta", name) / "meta.json").read_text(encoding="utf-8"))
        found: Mapping[str, object] = metadata["Endpoints"]["docker"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _no_context(name) from error
    return found


def _no_context(name: str) -> MissingFault:
    place = f"DOCKER_CONTEXT={name}" if os.environ.get("DOCKER_CONTEXT") else f"the current context, {name}"
    command = ["docker", "context", "inspect", name]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stderr.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    return MissingFault(
        f"there is no Docker context {name}",
        where=place,
        details=said.splitlines()[-2:],
        remedy="docker context ls shows those that there are; docker context use, or DOCKER_CONTEXT, chooses one",
    )


def _certificates_of_the_shell() -> Certificates | None:
    """DOCKER_TLS_VERIFY or DOCKER_TLS, with whatever they say, and DOCKER_CERT_PATH, as of the docker command."""
    verify = bool(os.environ.get("DOCKER_TLS_VERIFY"))
    if not verify and not os.environ.get("DOCKER_TLS"):
        return None
    folder = os.environ.get("DOCKER_CERT_PATH") or os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    return Certificates(Path(folder), verify)
