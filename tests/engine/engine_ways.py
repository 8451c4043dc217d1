"""Ways to an engine that pass on what it says otherwise than a local socket does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..support.proxies import beside, pass_on, serve

SILENCE = 0.3
"""Seconds without a byte after which an answer is passed on as a whole."""


@contextmanager
def answering_in_one_piece(folder: Path) -> Iterator[str]:
    """The engine behind a way that passes on each answer at once, headers and content together, as ssh may."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "docker.sock"))
    listener.listen()

    def admit(client: socket.socket, engine: socket.socket) -> None:
        beside(_pass_on_whole, engine, client)
        pass_on(client, engine)

    serve(listener, admit)
    try:
        yield f"unix://{folder}/docker.sock"
    finally:
        listener.close()


def _pass_on_whole(engine: socket.socket, client: socket.socket) -> None:
    """Whoever hangs up first ends it."""
    with suppress(OSError):
        data = b""
        while True:
            engine.settimeout(SILENCE if data else None)
            try:
                more = engine.recv(65536)
            except TimeoutError:
                client.sendall(data)
                data = b""
                continue
            data += more
            if not more:
                client.sendall(data)
                client.shutdown(socket.SHUT_RDWR)
                return
