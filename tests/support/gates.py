"""A way to the engine that stands still right before one of the commands that change something there.

What a deployer says goes through it byte by byte, Compose's part included; one that waits in front of the gate is
as one whose machine fell asleep at that moment.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .proxies import beside, pass_on, serve

REQUEST = re.compile(rb"(POST|PUT|DELETE) /v[0-9.]+/([^ ?]+)[^ ]* HTTP/1\.[01]\r\n")
LINE = re.compile(rb"[0-9a-f]{12} \S+ \S+ (set (?:server|map)[^;\\]*|-)")
"""What a holder of the lock says to the front door: its token, where to, what."""
BEGINNING = re.compile(rb"(GET|HEAD|POST|PUT|DELETE) /|([0-9a-f]{12}|-) \S+ \S+ ")
"""What waits at a gate that is closed: the rest of a command that came through already does not."""
NAMELESS = re.compile(r"[0-9a-f]{64}|[a-z0-9-]+-[0-9a-f]{6}[:-][A-Za-z0-9._-]+")
CHANGES_NOTHING = re.compile(r"containers/\*/(exec|wait|resize)|grpc|session|auth")


@dataclass
class Gate:
    """`commands` are those that came so far; it closes before the one called `before`, for the `turn`-th time."""

    path: Path
    before: str = ""
    turn: int = 1
    commands: list[str] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    _opened: threading.Event = field(default_factory=threading.Event)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        """The engine behind it, as DOCKER_HOST names it."""
        return f"unix://{self.path}"

    def open(self) -> None:
        """Let everything through, what waits included."""
        self._opened.set()

    def let_through(self, data: bytes, ignored: Callable[[str], bool]) -> None:
        """Return when these bytes may pass: from the chosen command on nothing does until the gate is opened."""
        command = _command_in(data)
        # It asks the engine, which may wait for the rest of a command that another thread is passing on: so not while
        # that one would have to wait for this one.
        counts = bool(command) and not ignored(command)
        with self._counting:
            if counts and not self._opened.is_set():
                self.commands.append(_without_names(command))
                if self.before and self.commands.count(self.before) == self.turn:
                    self.reached.set()
            closed = self.reached.is_set()
        if closed and BEGINNING.match(data):
            self._opened.wait()


@contextmanager
def gate(folder: Path, lock: Callable[[], str], before: str = "", turn: int = 1) -> Iterator[Gate]:
    """A gate in a folder, in front of the engine; `lock` gives the id of the lock, which is renewed all the time."""
    made = Gate(folder / "gate.sock", before, turn)
    made.path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(made.path))
    listener.listen(64)

    def renewal(command: str) -> bool:
        return command.startswith("PUT ") and lock() in command

    def admit(client: socket.socket, engine: socket.socket) -> None:
        beside(pass_on, engine, client)
        pass_on(client, engine, lambda data: made.let_through(data, renewal))

    serve(listener, admit)
    try:
        yield made
    finally:
        made.open()
        listener.close()


def _command_in(data: bytes) -> str:
    """The command that begins with these bytes, as "METHOD path" or "edge line"; empty where none does."""
    if found := REQUEST.match(data):
        method, path = (part.decode() for part in found.groups())
        return "" if CHANGES_NOTHING.fullmatch(_without_names(path)) else f"{method} {path}"
    if found := LINE.match(data):
        line = found[1].decode()
        return "edge claim" if line == "-" else f"edge {line.strip()}"
    return ""


def _without_names(command: str) -> str:
    return NAMELESS.sub("*", command)
