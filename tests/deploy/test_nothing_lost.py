"""Nothing that was acknowledged is lost or done twice, whatever is deployed, restarted and killed meanwhile."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from ..support.databases import container, sql
from ..support.kafka import Event, read_events
from ..support.service import Service, change, docker
from ..support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.docker]
THREADS = 8
AGAIN = 0.05
"""Seconds until the same request is sent again that was not answered."""


@dataclass
class Clients:
    """Clients that place orders, read and cancel them, each request with the same key until it is answered."""

    service: Service
    placed: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let them work meanwhile."""
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()

    def _work(self) -> None:
        while not self.ended.is_set():
            key = secrets.token_hex(8)
            order = self._acknowledged("/v1/orders", {"sku": "A-1", "quantity": 1}, key)
            self.placed[key] = str(order["id"])
            self.service.get(f"/v1/orders/{order['id']}")
            if int(key, 16) % 3 == 0:
                self._acknowledged(f"/v1/orders/{order['id']}/cancel", None, key)
                self.cancelled.add(str(order["id"]))
                self.service.get(f"/v1/orders/{order['id']}")

    def _acknowledged(self, path: str, body: object, key: str) -> dict[str, object]:
        while True:
            answer = self.service.post(path, body, **{"Idempotency-Key": key})
            if answer.status in (200, 201):
                return dict(answer.body)
            assert answer.status in (0, 503), answer
            time.sleep(AGAIN)


@pytest.fixture(scope="module", params=["postgres", pytest.param("mysql", marks=pytest.mark.full)])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service with everything that keeps its data right."""
    made = make_service("docker", database=request.param, cache="redis", events="kafka", reconciler="events")
    made.deploy()
    return made


def older_than_their_rows(service: Service) -> list[str]:
    """The cached orders whose version is below that of their row."""
    versions = dict(line.split("|") for line in sql(service, "SELECT concat(id, '|', version) FROM orders").split())
    cache = container(service, "cache")
    keys = docker("exec", cache, "redis-cli", "--scan", "--pattern", "*:order:*").stdout.split()
    texts = docker("exec", cache, "redis-cli", "--json", "mget", *keys).stdout if keys else "[]"
    entries = zip((key.rpartition(":")[2] for key in keys), json.loads(texts), strict=True)
    values = [(name, found[1]) for name, text in entries if (found := re.match(r"(\d+)=", text or ""))]
    return [name for name, version in values if int(version) < int(versions[name])]


def newest_versions(events: list[Event]) -> dict[str, str]:
    """What a consumer takes for the version of each order in the end."""
    return {each.key: str((each.data or {}).get("version")) for each in events}


def out_of_order(events: list[Event]) -> list[str]:
    """The orders of which an older version came after a newer one."""
    known: dict[str, int] = {}
    found = []
    for each in events:
        version = int((each.data or {}).get("version", 0))
        if version < known.get(each.key, 0):
            found.append(each.key)
        known[each.key] = version
    return found


def test_every_order_that_was_acknowledged_is_there_once_and_no_cached_one_is_older_than_its_row(
    service: Service,
) -> None:
    clients = Clients(service)
    with clients.at_work():
        for server in ("database", "cache", "broker"):
            docker("restart", "--time", "1", container(service, server))
            until(lambda: service.get("/readyz").status == 200, "the service is not ready again")
        change(service)
        service.deploy()
        for killed in ("publisher", "reconciler", "broker"):
            docker("kill", container(service, killed))
        assert service.invoke("up", "--env=staging").returncode == 0
        assert service.invoke("rollback", "--env=staging").returncode == 0
        docker("kill", container(service, "cache"))
        time.sleep(1)
        assert service.invoke("up", "--env=staging").returncode == 0
        time.sleep(2)

    rows = [line.split("|") for line in sql(service, "SELECT concat(idempotency_key, '|', id) FROM orders").split()]
    assert len(clients.placed) > 100
    assert len({key for key, _ in rows}) == len(rows)
    found = {row[0]: row[1] for row in rows}
    assert {key: found.get(key) for key in clients.placed} == clients.placed
    until(lambda: older_than_their_rows(service) == [], lambda: f"older: {older_than_their_rows(service)}")
    wrong = [id for id in clients.cancelled if service.get(f"/v1/orders/{id}").body["status"] != "cancelled"]
    assert wrong == []
    rows_in_the_end = dict(
        line.split("|") for line in sql(service, "SELECT concat(id, '|', version) FROM orders").split()
    )
    events = read_events(service, lambda found: newest_versions(found) == rows_in_the_end)
    assert out_of_order(events) == []
