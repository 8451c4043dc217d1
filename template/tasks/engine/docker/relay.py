"""Questions to ports that only a container can reach, such as the front door's runtime API and the slots behind it.

One command runs in the container as long as questions come: to start one takes longer than most answers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from ..core.waiting import wait_until
from .engine import Engine

if TYPE_CHECKING:
    from docker.models.containers import Container

FENCE = "/tmp/fence"
"""The file with the token of whoever holds the environment's lock: commands with another one are refused.

A restart of the container empties the folder: then all are refused, until the holder claims it again.
"""
HELD = '{ exec 4>>FENCE; } 2>/dev/null && flock 4 && [ "$token" = "$(<FENCE)" ]'.replace("FENCE", FENCE)
"""True in bash where `$token` is the one in the file, which nobody can change until descriptor 4 is closed."""
CLAIM = "claim"
ANYBODY = "-"
PASS_ON = r"""
while read -r token host port question; do
  if [ "$host" = claim ]; then
    { exec 4>>FENCE; } 2>/dev/null && flock 4 && printf %s "$token" >FENCE && printf '\1'
  elif [ "$token" = - ] || { HELD; }; then
    { exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null && printf '%b' "$question" >&3 && timeout 5 cat <&3 && printf '\1'
  else
    printf '\2'
  fi
  exec 3>&- 4>&-
  printf '\0'
done
""".replace("HELD", HELD).replace("FENCE", FENCE)
"""A line is a token, a host, a port and what is sent there, with escapes. A zero byte ends the answer; a byte of 1
before it says that it is whole, and is missing where nothing listens, or the answer takes more than 5 s. A byte of 2
says that somebody else holds the lock."""

SILENT_SECONDS = 30
"""After which the engine, or the way to it, counts as gone."""
RESTART_SECONDS = 10
"""For a container that has ended to be started again by its engine, or for an engine that is being stopped to end."""
RESTART_PAUSE = 0.2
"""Seconds between two tries."""
STANDARD_OUTPUT = 1


class FencedFault(Exception):
    """The fence has another token than the one that a command came with."""


class Relay:
    """Asks from a container with bash and coreutils; `place` finds it, again where it was made anew meanwhile."""

    def __init__(self, engine: Engine, place: Callable[[], Container]) -> None:
        self._engine = engine
        self._place = place
        self._way: socket.socket | None = None

    def ask(self, host: str, port: int, question: str, token: str = ANYBODY) -> str | None:
        """What the port answers until it hangs up; None where it does not, or the container does not come back.

        A question may reach it twice where the container is restarted in between. With `token`, FencedFault where the
        fence has another one.
        """
        escaped = question.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        return self._say(f"{token} {host} {port} {escaped}\n")

    def claim(self, token: str) -> bool:
        """Write a token into the fence; whether that could be done."""
        return self._say(f"{token} {CLAIM} - -\n") is not None

    def _say(self, line: str) -> str | None:
        heard: list[str | None] = []

        def say() -> bool:
            with suppress(ConnectionError):
                heard.append(self._answer(line.encode()))
            return bool(heard)

        return heard[0] if wait_until(say, RESTART_SECONDS, RESTART_PAUSE) else None

    def _answer(self, line: bytes) -> str | None:
        from requests.exceptions import ReadTimeout

        way = self._way = self._way or self._opened()
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
        if answer == b"\2\0":
            raise FencedFault
        text, ended, _ = answer.decode(errors="replace").partition("\1")
        return text if ended else None

    def _opened(self) -> socket.socket:
        from docker.errors import APIError

        try:
            return self._engine.talk_to(self._place(), ["bash", "-c", PASS_ON])
        except APIError as refused:
            if refused.status_code == HTTPStatus.CONFLICT:
                raise ConnectionRefusedError("the container does not run, or is about to") from refused
            raise


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
