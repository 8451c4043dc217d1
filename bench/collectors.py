"""Collectors of spans in three states: one that answers, one that takes connections and says nothing, and none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service_tasks.engine.core.network import free_port

END_OF_CHUNKS = b"0\r\n"


class _Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        while (size := self.rfile.readline()) != END_OF_CHUNKS:
            self.rfile.read(int(size, 16) + 2)
        self.rfile.readline()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collectors() -> Iterator[dict[str, str]]:
    """Run them; gives the address of each by its state: answers, hangs, down."""
    with ExitStack() as running:
        answering = running.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Answering))
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        running.callback(answering.shutdown)
        hanging = running.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        ports = {"answers": answering.server_port, "hangs": hanging.getsockname()[1], "down": free_port()}
        yield {state: f"http://127.0.0.1:{port}" for state, port in ports.items()}
