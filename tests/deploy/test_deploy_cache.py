"""A service with a cache in its stack: it is asked first, never believed for longer than it may be, and not needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from ..support.service import Service, docker
from ..support.strikes import crash
from ..support.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.slow]

STALE_SECONDS = 3.0
"""How long after its service answers again an outdated entry may be found."""
ORDER = {"sku": "A-1", "quantity": 1}


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service that serves its first release."""
    made = make_service("docker", database=request.param, cache="redis")
    made.deploy()
    return made


@pytest.fixture
def cache(service: Service) -> Iterator[str]:
    """The name of the cache's container, which runs again afterwards."""
    name = f"{service.folder.name}-staging-cache-1"
    yield name
    docker("unpause", name)
    docker("start", name)
    until(lambda: readiness(service) == "ready", lambda: str(service.get("/readyz")))


def readiness(service: Service) -> str:
    """What the service says of itself while it is ready; empty while it is not."""
    answer = service.get("/readyz")
    return str(answer.body["status"]) if answer.status == 200 else ""


def entries(cache: str) -> list[str]:
    """The keys of the orders that the cache has."""
    return docker("exec", cache, "redis-cli", "--scan", "--pattern", "*:order:*").stdout.split()


def placed(service: Service) -> str:
    """The path of an order that was read, and so is in the cache."""
    order = service.post("/v1/orders", ORDER).body
    path = f"/v1/orders/{order['id']}"
    assert service.get(path).body == order
    return path


def status(service: Service, path: str) -> str:
    """What has become of an order, as it is read."""
    return str(service.get(path).body["status"])


def test_an_order_that_is_read_is_kept_and_one_that_changes_is_read_anew(service: Service, cache: str) -> None:
    path = placed(service)

    assert [key for key in entries(cache) if key.endswith(path.rpartition("/")[2])]
    assert service.post(f"{path}/cancel", None).body["status"] == "cancelled"
    assert status(service, path) == "cancelled"


def test_without_its_cache_a_service_is_degraded_and_answers_and_is_right_when_it_is_back(
    service: Service, cache: str
) -> None:
    path = placed(service)

    docker("kill", cache)
    until(lambda: readiness(service) == "degraded", lambda: str(service.get("/readyz")))
    assert "Redis at cache:6379" in service.get("/readyz").body["checks"]["cache"]["error"]
    assert service.post("/v1/orders", ORDER).status == 201
    assert service.post(f"{path}/cancel", None).status == 200
    assert status(service, path) == "cancelled"

    docker("start", cache)
    until(lambda: readiness(service) == "ready", lambda: str(service.get("/readyz")))
    assert status(service, path) == "cancelled"


def test_a_service_that_is_killed_between_a_commit_and_what_outdates_it_leaves_nothing_outdated(
    service: Service, cache: str
) -> None:
    paths = [placed(service) for _ in range(5)]
    live = next(slot["slot"] for slot in service.status()["slots"] if slot["traffic"] == "UP")

    docker("pause", cache)  # it keeps what it has, and hears of no change
    assert [service.post(f"{path}/cancel", None).status for path in paths] == [200] * len(paths)
    crash(service, live)
    docker("unpause", cache)
    until(lambda: service.get("/v1/orders").status == 200, lambda: str(service.get("/readyz")))
    back = time.monotonic()
    until(lambda: all(status(service, path) == "cancelled" for path in paths), "an order is read as it was before")

    assert time.monotonic() - back < STALE_SECONDS
