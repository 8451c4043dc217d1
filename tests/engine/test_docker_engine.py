"""Commands in containers through an engine's API, however the bytes of an answer arrive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import DeployFault
from service_tasks.engine.docker.endpoint import Endpoint
from service_tasks.engine.docker.engine import Engine

from ..support.service import docker
from .engine_ways import answering_in_one_piece

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def name(base_images: dict[str, str]) -> Iterator[str]:
    image = base_images.get("EDGE_IMAGE", "haproxy:3.2")
    made = docker("run", "--detach", "--rm", "--entrypoint", "sleep", image, "600")
    assert made.returncode == 0, made.stderr
    yield made.stdout.strip()
    docker("rm", "--force", made.stdout.strip())


def test_a_command_is_heard_when_its_words_arrive_together_with_the_headers(name: str, tmp_path: Path) -> None:
    with answering_in_one_piece(tmp_path) as endpoint:
        engine = Engine(Endpoint(endpoint))
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
