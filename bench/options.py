"""What each option of a service costs while it runs: docs/options.md and its data, made by `./inv bench --options`."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from service_tasks.engine.core.network import free_port
from service_tasks.engine.core.waiting import wait_until

from . import machine
from .options_page import write
from .processes import cpu_seconds, resident_bytes
from .servers import PASSWORD, server
from .service import BenchError, make_service

SERVERS = {
    "postgres": ("DATABASE_URL", "postgres://dev@127.0.0.1:{port}/dev?sslmode=disable"),
    "mysql": ("DATABASE_URL", "mysql://root@127.0.0.1:{port}/dev?tls=false"),
    "redis": ("REDIS_URL", "redis://127.0.0.1:{port}"),
}
"""What runs beside the service, and the variable that leads to it."""
VARIANTS = [("none", "none"), ("sqlite", "none"), ("postgres", "none"), ("mysql", "none"), ("postgres", "redis")]
"""A database and a cache."""
STARTS = 9
REQUESTS = 10_000
WARM_UP = 500
REST_SECONDS = 2.0
"""After which a service that nobody asks has done what its start left behind."""
ORDER = json.dumps({"sku": "A-1", "quantity": 1})


@dataclass(frozen=True)
class Cost:
    """What a service with these options takes: bytes, milliseconds, and microseconds of processor time a request."""

    database: str
    cache: str
    binary_bytes: int
    start_ms: float
    rest_bytes: int
    loaded_bytes: int
    get_cpu_us: float
    get_ms: float
    post_cpu_us: float
    post_ms: float


def measure_options(settings: Mapping[str, str], images: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Measure every variant in one run and write the page; `settings` are stand-ins of base images, `images` all."""
    document: dict[str, Any] = {"measured": time.strftime("%Y-%m-%d", time.gmtime())}
    document |= {"machine": machine.describe(settings), "requests": REQUESTS, "starts": STARTS, "variants": []}
    for database, cache in VARIANTS:
        say(f"database: {database}, cache: {cache}")
        with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
            beside = {
                name: servers.enter_context(server(name, images)) for name in (database, cache) if name in SERVERS
            }
            document["variants"].append(asdict(_cost_of(database, cache, Path(folder), beside, settings)))
    write(document)


def _cost_of(database: str, cache: str, base: Path, ports: Mapping[str, int], settings: Mapping[str, str]) -> Cost:
    service = make_service(base, settings, database=database, cache=cache)
    service.invoke("build", "--env=staging")
    binary = service.folder / "dist" / f"{service.name}-staging"
    env = {"APP_ENV": "staging", "LISTEN_HOST": "127.0.0.1", "LOG_LEVEL": "warn", "DRAIN_LEAD": "0ms"}
    if database != "none":
        env |= {"DATABASE_URL": f"sqlite:{base}/orders.db", "DATABASE_PASSWORD": PASSWORD}
    env |= {SERVERS[name][0]: SERVERS[name][1].format(port=port) for name, port in ports.items()}
    if database != "none":
        subprocess.run([binary, "migrate"], env=env, check=True, capture_output=True, timeout=60)
    starts = []
    for _ in range(STARTS):
        with _running(binary, env) as started:
            starts.append(started.start_ms)
    with _running(binary, env) as started:
        time.sleep(REST_SECONDS)
        rest = resident_bytes(started.process.pid)
        post_cpu, post_ms, order = started.posts()
        get_cpu, get_ms = started.gets(order)
        loaded = resident_bytes(started.process.pid)
    size = binary.stat().st_size
    return Cost(database, cache, size, median(starts), rest, loaded, get_cpu, get_ms, post_cpu, post_ms)


@dataclass
class _Started:
    """A service that runs, and one connection to it."""

    process: subprocess.Popen[bytes]
    port: int
    start_ms: float

    def posts(self) -> tuple[float, float, str]:
        """Processor time and time to answer of a POST that makes an order, and the last order's id."""
        made: list[str] = []

        def post(connection: http.client.HTTPConnection) -> None:
            connection.request("POST", "/v1/orders", ORDER, {"Content-Type": "application/json"})
            made.append(json.loads(_answer(connection, 201))["id"])

        cpu, took = self._repeated(post)
        return cpu, took, made[-1]

    def gets(self, order: str) -> tuple[float, float]:
        """Processor time and time to answer of a GET of an order."""

        def get(connection: http.client.HTTPConnection) -> None:
            connection.request("GET", f"/v1/orders/{order}")
            _answer(connection, 200)

        return self._repeated(get)

    def _repeated(self, ask: Callable[[http.client.HTTPConnection], None]) -> tuple[float, float]:
        """Microseconds of its processor time for one request, and the median of milliseconds to its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for _ in range(WARM_UP):
            ask(connection)
        times, before = [], cpu_seconds(self.process.pid)
        for _ in range(REQUESTS):
            started = time.perf_counter()
            ask(connection)
            times.append(time.perf_counter() - started)
        return (cpu_seconds(self.process.pid) - before) / REQUESTS * 1e6, median(times) * 1000


def _answer(connection: http.client.HTTPConnection, status: int) -> bytes:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != status:
        raise BenchError(f"the service answered {answer.status}: {body.decode(errors='replace')}")
    return body


@contextmanager
def _running(binary: Path, env: Mapping[str, str]) -> Iterator[_Started]:
    """Start the service; it is ready when it is given."""
    port = free_port()
    own = {**env, "HTTP_PORT": str(port), "ADMIN_PORT": str(free_port())}
    began = time.perf_counter()
    process = subprocess.Popen([binary], env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not wait_until(lambda: _ready(port), 30, 0.001):
            raise BenchError(f"{binary.name} did not become ready")
        yield _Started(process, port, (time.perf_counter() - began) * 1000)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False
