"""Questions to ports that only a container can reach, such as the front door's runtime API and the slots behind it.

One command runs in the container as long as questions come: to start one takes longer than most answers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from .docker_engine import Engine

if TYPE_CHECKING:
    from docker.models.containers import Container

PASS_ON = r"""
while read -r host port question; do
  { exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null && printf '%b' "$question" >&3 && timeout 5 cat <&3 && printf '\1'
  exec 3>&-
  printf '\0'
done
"""
"""A line is a host, a port and what is sent there, with escapes. A zero byte ends the answer; a byte of 1 before it
says that it is whole, and is missing where nothing listens, or the answer takes more than 5 s."""

SILENT_SECONDS = 30
"""After which the engine, or the way to it, counts as gone."""
STANDARD_OUTPUT = 1


class Relay:
    """Asks from a container with bash and coreutils; `place` finds it, again where it was made anew meanwhile."""

    def __init__(self, engine: Engine, place: Callable[[], Container]) -> None:
        self._engine = engine
        self._place = place
        self._way: socket.socket | None = None

    def ask(self, host: str, port: int, question: str) -> str | None:
        """What the port answers until it hangs up; None where it does not.

        A question may reach it twice where the container is restarted in between.
        """
        escaped = question.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        line = f"{host} {port} {escaped}\n".encode()
        for _ in ("as it is", "started anew"):
            with suppress(ConnectionError):
                return self._answer(line)
        return None

    def _answer(self, line: bytes) -> str | None:
        from requests.exceptions import ReadTimeout

        way = self._way = self._way or self._engine.talk_to(self._place(), ["bash", "-c", PASS_ON])
        answer = b""
        try:
            way.settimeout(SILENT_SECONDS)
            way.sendall(line)
            while not answer.endswith(b"\0"):
                answer += _frame(way)
        except TimeoutError as error:
            raise ReadTimeout("the engine is silent") from error
        finally:
            if not answer.endswith(b"\0"):
                # After Ctrl-C too: an answer that comes late must not be taken for that of the next question.
                self._way = None
                way.close()
        text, ended, _ = answer.decode(errors="replace").partition("\1")
        return text if ended else None


def _frame(way: socket.socket) -> bytes:
    """What the next frame of an engine's stream has of standard output: a header of 8 bytes tells kind and length."""
    header = _exactly(way, 8)
    content = _exactly(way, int.from_bytes(header[4:], "big"))
    return content if header[0] == STANDARD_OUTPUT else b""


def _exactly(way: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        more = way.recv(size - len(content))
        if not more:
            raise ConnectionResetError("the command in the container has ended")
        content += more
    return content
