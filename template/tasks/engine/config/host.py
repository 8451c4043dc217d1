"""A host as ssh names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..core.errors import UsageFault
from ..core.network import in_url, masked_url

SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class Host:
    """A machine as ssh names it: `destination` with the user, its port where it is not ssh's own, its engine's socket.

    `name` is what people call it, without the user.
    """

    destination: str
    name: str
    port: int | None = None
    socket: str = SOCKET

    @property
    def url(self) -> str:
        """The host without its socket, as ssh:// names it."""
        user, at, host = self.destination.rpartition("@")
        return f"ssh://{user}{at}{in_url(host)}" + (f":{self.port}" if self.port else "")


def parse_host(text: str) -> Host:
    """The host in ssh://[user@]host[:port][/path/of/docker.sock]; UsageFault where it is none.

    An IPv6 address stands in brackets, as in ssh://deploy@[2001:db8::1].
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    plain = re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9._:-]*", host) and re.fullmatch(
        r"[A-Za-z0-9._-]*", parts.username or ""
    )
    if not plain or parts.scheme != "ssh" or parts.password or parts.query or parts.fragment:
        raise UsageFault(
            f'"{masked_url(text)}" is not a host', where="invoke.yaml", remedy="as in ssh://deploy@host.example.com"
        )
    destination = f"{parts.username}@{host}" if parts.username else host
    name = f"{in_url(host)}:{port}" if port else host
    return Host(destination, name, port, parts.path.rstrip("/") or SOCKET)
