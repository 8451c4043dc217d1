"""The reconciler repairs the cache, whoever has changed the database and whatever has happened to either server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from ..support.databases import client, container, sql
from ..support.service import Service, docker
from ..support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.docker]
KEYS = 1_243
"""As many as in the article that this comes from, whose repair took 47 s."""
CHANGE = "UPDATE orders SET status = 'cancelled', version = version + 1 WHERE sku = '{}'"
"""What somebody does at the database's own client."""


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service with a reconciler, on each database."""
    made = make_service("docker", database=request.param, cache="redis", reconciler="log")
    made.deploy()
    return made


def make_cached(service: Service, sku: str, count: int) -> list[str]:
    """Make orders, and read each so that the cache has it; gives their ids."""
    ids = [service.post("/v1/orders", {"sku": sku, "quantity": 1}).body["id"] for _ in range(count)]
    for each in ids:
        assert service.get(f"/v1/orders/{each}").body["status"] == "placed"
    return ids


def stale(service: Service, ids: list[str]) -> int:
    """How many orders are still answered as they were before they were cancelled."""
    return sum(service.get(f"/v1/orders/{each}").body["status"] != "cancelled" for each in ids)


def reconciler(service: Service) -> dict[str, Any]:
    """What status says of the reconciler."""
    return next(each for each in service.status()["processes"] if each["process"] == "reconciler")


def test_it_runs_beside_the_service_of_the_same_image(service: Service) -> None:
    shown = reconciler(service)

    assert (shown["running"], shown["healthy"]) == (1, 1)
    containers = [container(service, each) for each in ("reconciler", "app")]
    images = {docker("inspect", "--format", "{{.Image}}", each).stdout for each in containers}
    assert len(images) == 1


def test_a_change_past_the_service_is_seen(service: Service) -> None:
    ids = make_cached(service, "A-1", 3)

    sql(service, CHANGE.format("A-1"))

    until(lambda: stale(service, ids) == 0, "the change is not seen")


def test_as_many_keys_as_in_the_article_are_right_again_once_redis_is_back(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = make_cached(service, "B-1", KEYS)
    cache = container(service, "cache")
    docker("pause", cache)
    sql(service, CHANGE.format("B-1"))
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
    ids = make_cached(service, f"C-{server}", 20)
    docker("kill", container(service, server))
    if server == "database":
        docker("start", f"{service.folder.name}-staging-database-1")
        until(lambda: client(service, "SELECT 1").returncode == 0, "the database is not back")
    sql(service, CHANGE.format(f"C-{server}"))
    done = service.invoke("up", "--env=staging")

    assert done.returncode == 0, done.stderr
    until(lambda: stale(service, ids) == 0, "the changes are not seen")
    assert reconciler(service)["healthy"] == 1
