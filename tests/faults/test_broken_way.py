"""The way to the engine goes silent in the middle of a deploy and breaks much later, as ssh does without a network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.routes import LEVEL

from ..support.proxies import beside, pass_on, serve
from ..support.service import Service
from ..support.strikes import Strike, next_level, with_levels

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SILENT_SECONDS = 15
"""What ssh takes for a network that is gone: ServerAliveInterval times ServerAliveCountMax of the tasks' ssh."""


class BreakingWay:
    """A socket before the engine's own that passes on everything, until it is told to break."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._silent = threading.Event()
        self._clients: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        serve(self._listener, self._admit)

    def break_later(self) -> None:
        """Pass on nothing more, and hang up after a while."""
        self._silent.set()
        threading.Timer(SILENT_SECONDS, self.hang_up).start()

    def hang_up(self) -> None:
        """End every connection, and take no other."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _admit(self, client: socket.socket, engine: socket.socket) -> None:
        self._clients.append(client)
        beside(pass_on, engine, client, self._stand_still)
        pass_on(client, engine, self._stand_still)

    def _stand_still(self, _: bytes) -> None:
        while self._silent.is_set():
            threading.Event().wait()


@contextmanager
def breaking_way(folder: Path) -> Iterator[BreakingWay]:
    """A way to the engine that can be told to break."""
    way = BreakingWay(folder / "docker.sock")
    try:
        yield way
    finally:
        way.hang_up()


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


@pytest.mark.parametrize("step", ["healthy", "drain"])
def test_an_engine_that_cannot_be_reached_any_more_is_told_as_such(service: Service, tmp_path: Path, step: str) -> None:
    wanted = next_level(service)
    with breaking_way(tmp_path) as way:
        service.env["DOCKER_HOST"] = way.url
        deploy = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
        deploy.reach(step)
        way.break_later()
        done = deploy.end()
        del service.env["DOCKER_HOST"]

    assert done.returncode == 3, done.stderr
    assert "the engine does not answer any more" in done.stderr
    service.deploy(f"--set=LOG_LEVEL={wanted}", "--lock-wait=60")
    assert service.get(LEVEL).body == wanted
