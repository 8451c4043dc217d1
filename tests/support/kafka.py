"""What a consumer elsewhere reads from the broker of a service's stack."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from .databases import container
from .service import Service, docker
from .waiting import until

BROKER = "broker"
"""What the stack's broker calls itself, which only its network knows."""


@dataclass(frozen=True)
class Event:
    """A record of a topic; `data` is None where what it tells of is gone."""

    key: str
    type: str
    id: str
    data: dict[str, Any] | None


def read_events(service: Service, enough: Callable[[list[Event]], bool]) -> list[Event]:
    """All events of staging from the beginning, once there are enough; AssertionError where that does not come true."""
    from kafka import KafkaConsumer  # type: ignore[import-untyped]

    found: list[Event] = []
    with reached(service) as address:
        consumer = KafkaConsumer(
            f"{service.folder.name}.staging.orders", bootstrap_servers=address, auto_offset_reset="earliest"
        )

        def read() -> bool:
            for records in consumer.poll(timeout_ms=500).values():
                found.extend(map(event, records))
            return enough(found)

        try:
            until(read, lambda: f"{len(found)} events are not enough")
        finally:
            consumer.close()
    return found


def event(record: Any) -> Event:
    """A record as CloudEvents has it on Kafka, in binary mode."""
    headers = {name: value.decode() for name, value in record.headers}
    data = None if record.value is None else json.loads(record.value)
    return Event(record.key.decode(), headers["ce_type"], headers["ce_id"], data)


@contextmanager
def reached(service: Service) -> Iterator[str]:
    """Give the broker's address; its own name leads there meanwhile."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = docker("inspect", "--format", template, container(service, BROKER)).stdout.strip()
    resolve = socket.getaddrinfo

    def known(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve(address if host == BROKER else host, *arguments, **options)

    with patch("socket.getaddrinfo", known):
        yield f"{address}:9092"
