"""Questions to ports that only a container can reach, however the bytes of an answer arrive."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_tasks.engine.docker.endpoint import Endpoint
from service_tasks.engine.docker.engine import Engine
from service_tasks.engine.docker.relay import Relay

from ..support.service import docker
from ..support.waiting import until
from .engine_ways import answering_in_one_piece

pytestmark = pytest.mark.docker

API = ("127.0.0.1", 9999)
SITE = ("127.0.0.1", 8080)
CONFIGURATION = """\
global
    stats socket ipv4@127.0.0.1:9999 level admin
defaults
    mode http
    timeout client 60s
    timeout connect 1s
    timeout server 1s
frontend site
    bind 127.0.0.1:8080
    http-request return status 200 content-type text/plain lf-string "%[path]"
"""


@pytest.fixture(scope="module")
def name(base_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A container in which HAProxy has a runtime API and a site."""
    file = tmp_path_factory.mktemp("relay") / "haproxy.cfg"
    file.write_text(CONFIGURATION)
    file.chmod(0o644)
    image = base_images.get("EDGE_IMAGE", "haproxy:3.2")
    made = docker("run", "--detach", "--volume", f"{file}:/usr/local/etc/haproxy/haproxy.cfg:ro", image)
    assert made.returncode == 0, made.stderr
    listens(made.stdout.strip())
    yield made.stdout.strip()
    docker("rm", "--force", made.stdout.strip())


def listens(name: str) -> None:
    """Wait until HAProxy has begun to listen, a moment after its container runs."""
    look = ("exec", name, "bash", "-c", f"exec 3<>/dev/tcp/{API[0]}/{API[1]}")
    until(lambda: docker(*look).returncode == 0, "HAProxy does not listen")


def relay(name: str, endpoint: str = "") -> Relay:
    """A relay in the container."""
    engine = Engine(Endpoint(endpoint) if endpoint else None)
    return Relay(engine, lambda: engine.client.containers.get(name))


def test_each_question_gets_its_own_answer(name: str) -> None:
    asked = relay(name)

    site = [asked.ask(*SITE, f"GET /{number} HTTP/1.0\r\n\r\n") for number in range(3)]
    information = asked.ask(*API, "show info\n")

    assert [(answer or "").partition("\r\n\r\n")[2] for answer in site] == ["/0", "/1", "/2"]
    assert "Uptime" in (information or "")


def test_a_backslash_arrives_as_one(name: str) -> None:
    answer = relay(name).ask(*SITE, "GET /a\\nb HTTP/1.0\r\n\r\n")

    assert (answer or "").endswith("/a\\nb")


def test_a_long_answer_is_heard_to_its_end(name: str) -> None:
    path = "/" + "a" * 10_000

    answer = relay(name).ask(*SITE, f"GET {path} HTTP/1.0\r\n\r\n")

    assert (answer or "").endswith(f"\r\n\r\n{path}")


def test_answers_are_heard_that_arrive_in_one_piece(name: str, tmp_path: Path) -> None:
    with answering_in_one_piece(tmp_path) as endpoint:
        asked = relay(name, endpoint)

        assert ["Uptime" in (asked.ask(*API, "show info\n") or "") for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    ("host", "port", "question"),
    [
        pytest.param("127.0.0.1", 7, "hello\n", id="nothing listens"),
        pytest.param("no-such-host.invalid", 8080, "hello\n", id="no such host"),
        pytest.param(*SITE, "GET / HTTP/1.0\r\n", id="it waits for more"),
    ],
)
def test_a_port_that_does_not_answer_has_no_answer_and_stops_no_other(
    name: str, host: str, port: int, question: str
) -> None:
    asked = relay(name)

    assert asked.ask(host, port, question) is None
    assert "Uptime" in (asked.ask(*API, "show info\n") or "")


def test_an_answer_that_comes_after_ctrl_c_is_not_that_of_the_next_question(name: str) -> None:
    asked = relay(name)
    assert asked.ask(*API, "show info\n")
    interruption = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    interruption.start()

    with pytest.raises(KeyboardInterrupt):
        asked.ask(*SITE, "GET / HTTP/1.0\r\n")

    assert "Uptime" in (asked.ask(*API, "show info\n") or "")


def test_a_container_that_was_restarted_is_asked_again(name: str) -> None:
    asked = relay(name)
    before = asked.ask(*API, "show info\n")
    assert docker("restart", "--time=1", name).returncode == 0
    listens(name)

    after = asked.ask(*API, "show info\n")

    assert "Uptime" in (before or "")
    assert "Uptime" in (after or "")
