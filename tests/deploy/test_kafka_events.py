"""Changes of orders are on Kafka, whoever has made them and whatever has happened to either server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ..support.databases import kill, sql
from ..support.kafka import Event, read_events
from ..support.orders import cancel_past_the_service, place, stale
from ..support.service import Service
from ..support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.docker]


@pytest.fixture(scope="module", params=["postgres", pytest.param("mysql", marks=pytest.mark.full)])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service that publishes, and repairs its cache by what is published, on each database."""
    made = make_service("docker", database=request.param, cache="redis", events="kafka", reconciler="events")
    made.deploy()
    return made


def newest(events: list[Event]) -> dict[str, dict[str, Any] | None]:
    """What a consumer knows of each order in the end."""
    return {each.key: each.data for each in events}


def tells(ids: list[str], status: str) -> Callable[[list[Event]], bool]:
    """Whether the newest event of each order is of this status."""
    return lambda events: all((newest(events).get(each) or {}).get("status") == status for each in ids)


def test_an_order_is_published_with_each_state_in_its_order(service: Service) -> None:
    (id,) = place(service, "A-1")
    read_events(service, tells([id], "placed"))
    assert service.post(f"/v1/orders/{id}/cancel", None).status == 200
    order = service.get(f"/v1/orders/{id}").body

    events = [each for each in read_events(service, tells([id], "cancelled")) if each.key == id]

    assert [(each.type, each.id) for each in events] == [("order.changed", f"{id}/1"), ("order.changed", f"{id}/2")]
    assert events[-1].data == order


def test_what_others_change_and_delete_is_published_too(service: Service) -> None:
    kept, gone = place(service, "B-1"), place(service, "B-2")
    cancel_past_the_service(service, "B-1")
    sql(service, "DELETE FROM orders WHERE sku = 'B-2'")

    events = read_events(
        service, lambda found: tells(kept, "cancelled")(found) and newest(found).get(gone[0], 0) is None
    )

    assert [each.type for each in events if each.key == gone[0]][-1] == "order.deleted"


def test_what_is_committed_and_not_seen_yet_is_told_once_it_is(service: Service) -> None:
    (id,) = place(service, "E-1")
    with commits_that_wait(service):
        threading.Thread(target=cancel_past_the_service, args=(service, "E-1"), daemon=True).start()
        time.sleep(2)

    events = [each for each in read_events(service, tells([id], "cancelled")) if each.key == id]

    assert [each.id for each in events] == [f"{id}/1", f"{id}/2"]
    until(lambda: stale(service, [id]) == 0, "the change is not seen")


@contextmanager
def commits_that_wait(service: Service) -> Iterator[None]:
    """Have commits wait for a replica that there is not: they are in the log, and nobody sees them yet."""
    if "database: postgres" in (service.folder / "invoke.yaml").read_text():
        replica, alone = "ALTER SYSTEM SET synchronous_standby_names = '{}'", "SELECT pg_reload_conf()"
        statements = ([replica.format("nobody"), alone], [replica.format(""), alone])
    else:
        semi = "SET GLOBAL rpl_semi_sync_master_enabled = {}"
        wait = "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC', rpl_semi_sync_master_timeout = 60000"
        statements = ([wait, semi.format(1)], [semi.format(0)])
    for statement in statements[0]:
        sql(service, statement)
    try:
        yield
    finally:
        for statement in statements[1]:
            sql(service, statement)


def test_a_broker_that_does_not_know_the_user_makes_a_deploy_fail_and_says_so(service: Service) -> None:
    values = service.folder / ".env.staging.local"
    before = values.read_text()
    values.write_text(f"{before}KAFKA_URL=kafka://somebody@broker:9092\nKAFKA_PASSWORD=wrong-password\n")

    done = service.invoke("deploy", "--env=staging")

    values.write_text(before)
    assert done.returncode == 5, done.stderr
    assert "the broker refuses" in done.stderr
    assert "wrong-password" not in done.stdout + done.stderr
    assert service.process("publisher")["healthy"] == 1


def test_the_cache_is_repaired_by_what_is_published(service: Service) -> None:
    ids = place(service, "C-1", 20)

    cancel_past_the_service(service, "C-1")

    until(lambda: stale(service, ids) == 0, "the changes are not seen")


@pytest.mark.parametrize("server", ["database", "broker", "cache", "publisher", "reconciler"])
def test_what_happens_while_something_is_away_is_published_and_repaired_later(service: Service, server: str) -> None:
    ids = place(service, f"D-{server}", 20)
    kill(service, server)
    cancel_past_the_service(service, f"D-{server}")
    done = service.invoke("up", "--env=staging")

    assert done.returncode == 0, done.stderr
    read_events(service, tells(ids, "cancelled"))
    until(lambda: stale(service, ids) == 0, "the changes are not seen")
    for each in ("publisher", "reconciler"):
        until(lambda each=each: service.process(each)["healthy"] == 1, f"the {each} is not well")  # type: ignore[misc]
