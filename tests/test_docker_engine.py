"""Commands in containers through an engine's API, however the bytes of an answer arrive."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service_tasks.engine.docker_engine import Engine, default_endpoint
from service_tasks.engine.errors import DeployFault

from .support import docker

pytestmark = pytest.mark.docker

SILENCE = 0.3
"""Seconds without a byte after which an answer is passed on as a whole."""


@contextmanager
def answering_in_one_piece(folder: Path) -> Iterator[str]:
    """The engine behind a way that passes on each answer at once, headers and content together, as ssh may."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "docker.sock"))
    listener.listen()
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    try:
        yield f"unix://{folder}/docker.sock"
    finally:
        listener.close()


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(urlsplit(default_endpoint()).path)
        threading.Thread(target=_pass_on, args=(client, engine), daemon=True).start()
        threading.Thread(target=_pass_on_whole, args=(engine, client), daemon=True).start()


def _pass_on(client: socket.socket, engine: socket.socket) -> None:
    with suppress(OSError):
        while data := client.recv(65536):
            engine.sendall(data)
        engine.shutdown(socket.SHUT_WR)


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


@pytest.fixture(scope="module")
def name(base_images: dict[str, str]) -> Iterator[str]:
    image = base_images.get("EDGE_IMAGE", "haproxy:3.2")
    made = docker("run", "--detach", "--rm", "--entrypoint", "sleep", image, "600")
    assert made.returncode == 0, made.stderr
    yield made.stdout.strip()
    docker("rm", "--force", made.stdout.strip())


def test_a_command_is_heard_when_its_words_arrive_together_with_the_headers(name: str, tmp_path: Path) -> None:
    with answering_in_one_piece(tmp_path) as endpoint:
        engine = Engine(endpoint)
        container = engine.client.containers.get(name)

        assert engine.execute(container, ["echo", "hello"]) == "hello\n"


def test_a_long_answer_of_a_command_is_heard_to_its_end(name: str) -> None:
    engine = Engine()

    said = engine.execute(engine.client.containers.get(name), ["bash", "-c", "for n in {1..50000}; do echo $n; done"])

    assert said.splitlines()[-1] == "50000"
    assert len(said.splitlines()) == 50000


def test_a_command_that_fails_says_what_it_said(name: str) -> None:
    engine = Engine()

    with pytest.raises(DeployFault) as fault:
        engine.execute(engine.client.containers.get(name), ["bash", "-c", "echo no such thing; exit 3"])

    assert "no such thing" in fault.value.details
