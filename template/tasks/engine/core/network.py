"""HTTP and ports of this machine."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from typing import Any

from .errors import MissingFault

MASK = "********"
PROBE = {"X-Copier-Gin-Probe": "tasks"}
"""With this header the front door answers probes and /version during maintenance too."""


def fetch_json(url: str, timeout: float = 5) -> tuple[int, Any]:
    """The status and JSON document that a GET answers with; status 0 and the reason where there is no answer."""
    request = urllib.request.Request(url, headers={"Connection": "close", **PROBE})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return int(answer.status), parse_json(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, parse_json(error.read())
    except (OSError, ValueError) as error:
        return 0, str(getattr(error, "reason", error))


def in_url(host: str) -> str:
    """A host as a URL names it: an IPv6 address stands in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def free_port() -> int:
    """A port of this machine that nothing listens to just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free_port(host: str, port: int, variable: str) -> None:
    """MissingFault where something else listens on the port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return
        except OSError as error:
            raise MissingFault(
                f"port {port} is taken by another program",
                where=f"{variable}={port}",
                details=[str(error)],
                remedy=f"stop that program (ss -ltnp shows it), or set another {variable} in .env.<env>.local",
            ) from error


def masked_url(text: str) -> str:
    """`text`, without the passwords of URLs in it."""
    return re.sub(r"(?<=://)([^/@?#\s]*?):[^/?#\s]*(?=@)", rf"\1:{MASK}", text)


def parse_json(data: bytes) -> Any:
    """The document in an answer's body; the beginning of the text where it is none."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")[:300]
