"""Programs between a task and the engine of this machine, which pass on what both say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from service_tasks.engine.docker.endpoint import default_endpoint


def serve(listener: socket.socket, admit: Callable[[socket.socket, socket.socket], None]) -> None:
    """Hand each client to `admit`, with a connection to the engine of its own, until the listener is closed."""

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(urlsplit(default_endpoint().host).path)
            threading.Thread(target=admit, args=(client, engine), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def pass_on(
    source: socket.socket, destination: socket.socket, look: Callable[[bytes], object] = lambda data: None
) -> None:
    """Pass on what one side says until it hangs up; `look` sees it before."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            look(data)
            destination.sendall(data)
    with suppress(OSError):
        destination.shutdown(socket.SHUT_WR)


def beside(function: Callable[..., object], *arguments: object) -> None:
    """Run something in a thread that ends with this process."""
    threading.Thread(target=function, args=arguments, daemon=True).start()
