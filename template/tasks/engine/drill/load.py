"""Load through the front door: orders are placed and read on keep-alive connections, and every answer is noted."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..core.errors import UsageFault

ORDERS = "/v1/orders"
DRAFT = json.dumps({"sku": "DRILL-1", "quantity": 1})
PACE = 0.05
"""Seconds between the requests of a connection: a drill is no benchmark, and its orders are looked up one by one."""
MOST_CONNECTIONS = 200
PATIENCE = 10
"""Seconds after which a request without an answer is lost."""
LATE = 1.0
"""Seconds after which an answer is late: nothing was lost, but the service was away for whoever waited."""
STEADY = 1.0
"""Seconds of answers without a failure that count as recovered."""
TOKEN = "DRILL_TOKEN"
"""The variable of the shell with a token for a service that asks for one: an argument would be seen by others."""


@dataclass(frozen=True)
class Sample:
    """A request: when it began and ended in seconds of the monotonic clock, and whether it was answered below 500."""

    begin: float
    end: float
    answered: bool

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin

    @property
    def good(self) -> bool:
        """Whether it was answered, and not late."""
        return self.answered and self.seconds <= LATE


class Client:
    """One keep-alive connection; it is made anew after an error."""

    def __init__(self, url: str) -> None:
        host = urlsplit(url)
        self._connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=PATIENCE)
        self._base = host.path

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """The status and the order's id that the answer names, if any; status 0 where there is no answer."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._connection.request(method, self._base + path, DRAFT if method == "POST" else None, headers)
            answer = self._connection.getresponse()
            body = answer.read()
            return answer.status, str(json.loads(body)["id"]) if answer.status == 201 else ""
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            self._connection.close()
            return 0, ""

    def finds(self, order: str) -> bool:
        """Whether an order can be read."""
        return self.ask("GET", f"{ORDERS}/{order}")[0] == 200

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Load:
    """Half of the connections place orders, the others read one. `samples` and `orders` grow while it runs."""

    def __init__(self, url: str, connections: int, pace: float = PACE) -> None:
        self.samples: list[Sample] = []
        self._pace = pace
        self.orders: list[str] = []
        self.first_status = 0
        self._url = url
        self._connections = connections
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Drive the load within the block; `first_status` is what the first order, placed before, was answered."""
        client = Client(self._url)
        self.first_status, first = client.ask("POST", ORDERS)
        client.close()
        threads = [
            threading.Thread(target=self._drive, args=("POST" if number % 2 else "GET", first), daemon=True)
            for number in range(self._connections if first else 0)
        ]
        try:
            for thread in threads:
                thread.start()
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(PATIENCE + 1)

    def steady(self) -> bool:
        """Whether all answers of the last second were good, and there were some."""
        now = time.monotonic()
        last = [sample.good for sample in list(self.samples) if sample.end > now - STEADY]
        return bool(last) and all(last)

    def missing(self) -> list[str]:
        """The acknowledged orders that are not there any more."""
        client = Client(self._url)
        missing = [order for order in self.orders if not client.finds(order) and not client.finds(order)]
        client.close()
        return missing

    def _drive(self, method: str, first: str) -> None:
        client = Client(self._url)
        path = ORDERS if method == "POST" else f"{ORDERS}/{first}"
        while not self._over.is_set():
            begin = time.monotonic()
            status, order = client.ask(method, path)
            self.samples.append(Sample(begin, time.monotonic(), 0 < status < 500))
            if order:
                self.orders.append(order)
            self._over.wait(self._pace)
        client.close()


def connection_count(text: str) -> int:
    """A number of connections given on the command line; UsageFault where it is none, or too large a one."""
    if not text.isdigit() or not 2 <= int(text) <= MOST_CONNECTIONS:
        raise UsageFault(
            f'--connections "{text}" is not between 2 and {MOST_CONNECTIONS}', remedy="as in --connections=20"
        )
    return int(text)


def recovery(samples: Iterable[Sample]) -> float | None:
    """Seconds from the first request that was lost or late to the first good answer after the last one.

    0 where there was none, None where good answers did not come back or were not steady in the end.
    """
    ordered = sorted(samples, key=lambda sample: sample.end)
    bad = [sample for sample in ordered if not sample.good]
    if not bad:
        return 0.0
    last = bad[-1].end
    after = next((sample.end for sample in ordered if sample.good and sample.end > last), None)
    steady = ordered[-1].end - last >= STEADY
    return after - min(sample.begin for sample in bad) if after and steady else None
