"""The reconciler repairs the cache, whoever has changed the database and whatever has happened to either server."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ..support.databases import container, kill
from ..support.orders import cancel_past_the_service, place, stale
from ..support.service import Service, docker
from ..support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.docker]
KEYS = 1_243
"""As many as in the article that this comes from, whose repair took 47 s."""


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service with a reconciler, on each database."""
    made = make_service("docker", database=request.param, cache="redis", reconciler="log")
    made.deploy()
    return made


def test_it_runs_beside_the_service_of_the_same_image(service: Service) -> None:
    shown = service.process("reconciler")

    assert (shown["running"], shown["healthy"]) == (1, 1)
    containers = [container(service, each) for each in ("reconciler", "app")]
    images = {docker("inspect", "--format", "{{.Image}}", each).stdout for each in containers}
    assert len(images) == 1


def test_a_change_past_the_service_is_seen(service: Service) -> None:
    ids = place(service, "A-1", 3)

    cancel_past_the_service(service, "A-1")

    until(lambda: stale(service, ids) == 0, "the change is not seen")


def test_as_many_keys_as_in_the_article_are_right_again_once_redis_is_back(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = place(service, "B-1", KEYS)
    cache = container(service, "cache")
    docker("pause", cache)
    cancel_past_the_service(service, "B-1")
    time.sleep(2)
    docker("unpause", cache)
    back = time.monotonic()

    until(lambda: repaired(service) >= KEYS, "not all are repaired")
    seconds = time.monotonic() - back

    assert stale(service, ids) == 0
    with capsys.disabled():
        print(f"\n{KEYS} poisoned keys right again {seconds:.1f} s after Redis was back (the article: 47 s)")
    assert seconds < 47


def repaired(service: Service) -> int:
    """How many entries the reconciler says that it has repaired since the last test."""
    lines = docker("logs", "--since", "60s", container(service, "reconciler")).stdout.splitlines()
    return sum(int(line.rpartition('"orders":')[2].rstrip("}")) for line in lines if '"orders":' in line)


@pytest.mark.parametrize("server", ["database", "cache", "reconciler"])
def test_what_happens_while_something_is_away_is_repaired_later(service: Service, server: str) -> None:
    ids = place(service, f"C-{server}", 20)
    kill(service, server)
    cancel_past_the_service(service, f"C-{server}")
    done = service.invoke("up", "--env=staging")

    assert done.returncode == 0, done.stderr
    until(lambda: stale(service, ids) == 0, "the changes are not seen")
    assert service.process("reconciler")["healthy"] == 1
