"""What a service does with a request reaches a collector, and no request waits for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from ..support.collector import Collector, collecting
from ..support.service import Answer, Service
from ..support.waiting import until

pytestmark = pytest.mark.slow
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def traced(make_service: Callable[..., Service]) -> Iterator[tuple[Service, Collector]]:
    """A service on this machine with a database, and its collector."""
    made = make_service("process", database="sqlite", tracing="otlp")
    with collecting() as collector:
        made.set_local(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        made.deploy()
        yield made, collector


def place(service: Service, trace: str = TRACE) -> Answer:
    """Place an order as a part of a trace."""
    return service.post("/v1/orders", {"sku": "A-1", "quantity": 1}, traceparent=f"00-{trace}-{PARENT}-01")


def logged(service: Service, trace: str) -> list[str]:
    """The messages of the log's records that name a trace."""
    lines = service.invoke("logs", "--env=staging", "--lines=200").stdout.splitlines()
    records = [json.loads(line[line.index("{") :]) for line in lines if trace in line]
    return [record["msg"] for record in records if record["trace_id"] == trace]


def test_an_order_is_a_span_of_the_clients_trace_with_its_statements_and_the_log_names_it(
    traced: tuple[Service, Collector],
) -> None:
    service, collector = traced

    assert place(service).status == 201

    parts = (bytes.fromhex(TRACE), bytes.fromhex(PARENT), b"POST /v1/orders", b"INSERT INTO orders")
    until(lambda: collector.has(*parts), "the spans do not reach the collector")
    assert collector.has(service.folder.name.encode(), b"staging")
    until(lambda: "request" in logged(service, TRACE), "the log does not name the trace")


def test_orders_are_taken_and_the_release_changes_while_the_collector_hangs_and_once_it_is_gone(
    traced: tuple[Service, Collector],
) -> None:
    service, collector = traced
    collector.silent.set()

    statuses = {place(service, trace="5" * 32).status for _ in range(200)}
    service.deploy("--set=LOG_LEVEL=debug")
    statuses |= {place(service, trace="6" * 32).status for _ in range(200)}
    service.deploy("--set=OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
    statuses |= {place(service, trace="7" * 32).status for _ in range(200)}

    assert statuses == {201}
    assert service.get("/readyz").status == 200
    assert not collector.has(bytes.fromhex("5" * 32))
