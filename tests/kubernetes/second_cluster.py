"""A second cluster for tests, without the weight of one: another namespace of the first, under the first one's name.

A relay in front of the API server gives the namespace of a service another name, in paths and in documents, and back in
the answers. So kubectl sees a cluster that has this namespace as well, with other objects in it.
"""

from __future__ import annotations

import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from .cluster import OWN

CONTEXT = "copier-gin-second"
FOR_ONE_CONNECTION = {"connection", "transfer-encoding", "content-length"}
DROPPED = {*FOR_ONE_CONNECTION, "host", "accept-encoding"}


@dataclass(frozen=True)
class Renaming:
    """The name that clients use, and the one of the same length that the API server has instead."""

    told: bytes
    real: bytes

    def out(self, data: bytes) -> bytes:
        """What a client says, for the API server."""
        return data.replace(self.told, self.real)

    def back(self, data: bytes) -> bytes:
        """What the API server says, for a client."""
        return data.replace(self.real, self.told)


class SecondCluster:
    """The relay, and a kubeconfig with both clusters."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self.namespace = namespace.replace("staging", "another")
        config = yaml.safe_load((OWN / "kubeconfig").read_text())
        upstream = urlsplit(config["clusters"][0]["cluster"]["server"])
        token = config["users"][0]["user"]["token"]
        renaming = Renaming(namespace.encode(), self.namespace.encode())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _relay(upstream.netloc, token, renaming))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self._server.server_port}"
        config["clusters"].append({"name": CONTEXT, "cluster": {"server": address}})
        config["contexts"].append({"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}})
        self.kubeconfig = folder / "both.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def stop(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()


def _relay(upstream: str, token: str, renaming: Renaming) -> type[BaseHTTPRequestHandler]:
    """A handler that passes everything on, line by line as it comes."""

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

        def pass_on(self) -> None:
            """Ask the API server the same in other words, and give its answer."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
            connection = HTTPSConnection(upstream, context=ssl._create_unverified_context())
            path = renaming.out(self.path.encode()).decode()
            headers["Authorization"] = f"Bearer {token}"
            connection.request(self.command, path, renaming.out(body) or None, headers)
            with connection.getresponse() as answer, suppress(OSError):
                self.answer_with(answer)
            connection.close()

        def answer_with(self, answer: HTTPResponse) -> None:
            """Pass an answer on; what a watch tells goes on without delay."""
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in FOR_ONE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while line := answer.readline():
                told = renaming.back(line)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(told), told))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

    return Relay
