"""The service's own speed beside a bare Gin handler: the data of a part of docs/performance.md.

`./inv bench --service` measures it: all variants in turns in one run, each on one core, with the load on the other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from service_tasks.engine.core.network import free_port
from service_tasks.engine.core.waiting import wait_until

from . import machine
from .collectors import collectors
from .load_client import build, find_go
from .measure import rounded
from .processes import cpu_seconds, resident_bytes
from .servers import PASSWORD, server
from .service import BenchError, make_service

HERE = Path(__file__).resolve().parent
BARE, QUIET = "bare", "quiet"
ON_ITS_OWN: dict[str, dict[str, str]] = {
    "none": {},
    "guard": {"guard": "rules"},
    "auth": {"auth": "jwt"},
    "tracing": {"tracing": "otlp"},
    "plugins": {"plugins": "wasm"},
    "everything": {"guard": "rules", "auth": "jwt", "tracing": "otlp", "plugins": "wasm"},
}
"""Options that are in the way of each request, by the names of what is measured; the orders are in memory."""
WITH_SERVERS: dict[str, dict[str, str]] = {
    "neither": {"database": "postgres"},
    "guard": {"database": "postgres", "guard": "rules"},
    "cache": {"database": "postgres", "cache": "redis"},
    "both": {"database": "postgres", "cache": "redis", "guard": "rules"},
}
"""What the article has in front of its orders; they are in PostgreSQL."""
CONNECTIONS = 16
SECONDS = 3
ORDER = '{"sku":"A-1","quantity":1}'
DEV_KEY = "for-the-benchmark-only"
WITHOUT_LIMIT = {"flow": [{"resource": "POST /v1/orders", "threshold": 1_000_000, "burst": 1_000_000}]}
"""The rule of the template would be what is measured."""
QUANTILES = ("p50_ms", "p99_ms", "p999_ms")
SOAK_PAUSE = 15.0
"""Seconds between two looks at a service that is under load for long."""


@dataclass
class Subject:
    """A program that is measured, and how it is started."""

    binary: Path
    env: Mapping[str, str]
    token: str = ""


@dataclass
class Running:
    """One that runs, with the paths of its orders."""

    subject: Subject
    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    rate: Path

    def load(
        self, path: str, body: str = "", seconds: float = SECONDS, connections: int = CONNECTIONS
    ) -> dict[str, Any]:
        """Put load on it from the other core; BenchError where something is not answered as it should be."""
        words = [f"-url=http://127.0.0.1:{self.port}{path}", f"-connections={connections}", f"-duration={seconds}s"]
        words += [f"-token={self.subject.token}"] if self.subject.token else []
        words += [f"-body={body}", "-status=201"] if body else []
        done = subprocess.run([self.rate, *words], capture_output=True, text=True, check=True, preexec_fn=_on_core(1))
        figures: dict[str, Any] = json.loads(done.stdout)
        if figures["lost"] or not figures["requests"]:
            raise BenchError(f"{self.subject.binary.name}: {figures['lost']} requests lost: {figures.get('reason')}")
        return figures

    def order(self) -> str:
        """Make an order, and give its path."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.subject.token}"}
        url = f"http://127.0.0.1:{self.port}/v1/orders"
        with urllib.request.urlopen(urllib.request.Request(url, ORDER.encode(), headers), timeout=10) as answer:
            return f"/v1/orders/{json.load(answer)['id']}"

    def metric(self, name: str) -> float:
        """One of its metrics, summed over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.partition(" ")[0].partition("{")[0] == name)


def measure_service(
    base: Path,
    settings: Mapping[str, str],
    images: Mapping[str, str],
    rounds: int,
    soak: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure all of it; `soak` is how many seconds the service with everything is under load at a stretch."""
    document: dict[str, Any] = {"measured": time.strftime("%Y-%m-%d", time.gmtime()), "rounds": rounds}
    document |= {"machine": machine.describe(settings), "connections": CONNECTIONS, "seconds": SECONDS}
    rate = build(base, HERE / "rate")
    subjects = _in_memory(base, settings, say)
    say(f"all in turns, rounds: {rounds}")
    document["variants"] = _in_turns(subjects, rate, rounds, _read)
    say("a profile of everything, and a build by it")
    document["pgo"] = _by_profile(base, subjects["everything"], rate, rounds)
    say("tracing, with a collector that answers, hangs, and is down")
    document["collectors"] = _with_collectors(subjects["tracing"], rate, rounds)
    document["creation"] = _creation(base, settings, images, rate, rounds, say)
    say(f"everything under load for {soak:.0f} s")
    document["soak"] = _soaked(subjects["everything"], rate, soak)
    return document


def _in_memory(base: Path, settings: Mapping[str, str], say: Callable[[str], None]) -> dict[str, Subject]:
    """Build a bare handler, and the service with each option alone, with none and with all."""
    subjects: dict[str, Subject] = {}
    for name, answers in ON_ITS_OWN.items():
        say(f"build: {name}")
        folder = base / name
        folder.mkdir()
        subjects[name] = _built(folder, settings, {"database": "none", "guard": "none", **answers})
        if name == "none":
            subjects[BARE] = _built_bare(folder, subjects[name])
            subjects[QUIET] = Subject(subjects[name].binary, {**subjects[name].env, "LOG_LEVEL": "warn"})
    return {BARE: subjects.pop(BARE), **subjects}


def _built(folder: Path, settings: Mapping[str, str], answers: Mapping[str, str]) -> Subject:
    service = make_service(folder, settings, routes=False, **answers)
    rules = service.folder / "configs" / "rules.json"
    if rules.exists():
        rules.write_text(json.dumps(WITHOUT_LIMIT), encoding="utf-8")
    service.invoke("build", "--env=staging")
    binary = service.folder / "dist" / f"{service.name}-staging"
    env = {"APP_ENV": "staging", "LISTEN_HOST": "127.0.0.1", "DRAIN_LEAD": "0ms"}
    if answers.get("auth") != "jwt":
        return Subject(binary, env)
    env["AUTH_DEV_KEY"] = DEV_KEY
    token = subprocess.run([binary, "token", "-for", "5h"], env=env, capture_output=True, text=True, check=True).stdout
    return Subject(binary, env, token.strip())


def _built_bare(folder: Path, beside: Subject) -> Subject:
    root = beside.binary.parents[1]
    shutil.copytree(HERE / "bare", root / "cmd" / BARE)
    binary = folder / BARE
    _go_build(root, f"./cmd/{BARE}", binary)
    return Subject(binary, {})


def _go_build(root: Path, package: str, output: Path, *options: str) -> None:
    """Build a package of a service as its tasks do."""
    words = ["-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", *options, "-o", str(output), package]
    subprocess.run([find_go(), "build", *words], cwd=root, check=True, env={**os.environ, "CGO_ENABLED": "0"})


def _in_turns(
    subjects: Mapping[str, Subject], rate: Path, rounds: int, measure: Callable[[Running], dict[str, float]]
) -> dict[str, dict[str, float]]:
    """The medians of all subjects, of which each is started and measured anew in each round."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            with _started(subject, rate) as running:
                found[name].append(measure(running))
    return {name: _medians(results) for name, results in found.items()}


def _read(running: Running) -> dict[str, float]:
    """What a GET of an order costs."""
    time.sleep(1)
    rest = resident_bytes(running.process.pid)
    path = running.order()
    running.load(path, seconds=0.5)
    before = (cpu_seconds(running.process.pid), *_allocated(running))
    figures = running.load(path)
    after, number = (cpu_seconds(running.process.pid), *_allocated(running)), figures["requests"]
    cpu, mallocs, allocated = (now - then for now, then in zip(after, before, strict=True))
    return {
        "requests_per_s": number / figures["seconds"],
        **{name: figures[name] for name in QUANTILES},
        "cpu_us": cpu / number * 1e6,
        "allocations": mallocs / number,
        "allocated_bytes": allocated / number,
        "rest_bytes": rest,
        "loaded_bytes": resident_bytes(running.process.pid),
    }


def _allocated(running: Running) -> tuple[float, float]:
    return running.metric("go_memstats_mallocs_total"), running.metric("go_memstats_alloc_bytes_total")


def _by_profile(base: Path, subject: Subject, rate: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The service with everything, as it was built and built by a profile of it under load."""
    root = subject.binary.parents[1]
    target = next((root / "cmd").glob("*/main.go")).parent / "default.pgo"
    with _started(subject, rate) as running:
        path = running.order()
        profile = [f"http://127.0.0.1:{running.metrics_port}/debug/pprof/profile?seconds=8"]
        with subprocess.Popen(["curl", "--silent", "--output", str(target), *profile]) as taking:
            running.load(path, seconds=9)
            taking.wait(timeout=30)
    folder = base / "by-profile"
    folder.mkdir()
    optimised = folder / subject.binary.name
    _go_build(root, f"./{target.parent.relative_to(root).as_posix()}", optimised, f"-pgo={target}")
    plugins = subject.binary.parent / "plugins"
    if plugins.is_dir():
        shutil.copytree(plugins, folder / "plugins")
    both = {"before": subject, "after": Subject(optimised, subject.env, subject.token)}
    return _in_turns(both, rate, rounds, _read)


def _with_collectors(subject: Subject, rate: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The service with tracing, and what its collector's state does to a request while the service is not saturated."""
    with collectors() as addresses:
        traced = {
            state: Subject(subject.binary, {**subject.env, "OTEL_EXPORTER_OTLP_ENDPOINT": address})
            for state, address in addresses.items()
        }
        return _in_turns(traced, rate, rounds, _read_lightly)


def _read_lightly(running: Running) -> dict[str, float]:
    figures = running.load(running.order(), connections=2)
    return {name: figures[name] for name in QUANTILES}


def _creation(
    base: Path,
    settings: Mapping[str, str],
    images: Mapping[str, str],
    rate: Path,
    rounds: int,
    say: Callable[[str], None],
) -> dict[str, dict[str, float]]:
    """Creating an order in PostgreSQL and reading it, with cache and guard on and off."""
    with ExitStack() as servers:
        ports = {name: servers.enter_context(server(name, images)) for name in ("postgres", "redis")}
        url = f"postgres://dev@127.0.0.1:{ports['postgres']}/dev?sslmode=disable"
        subjects = {}
        for name, answers in WITH_SERVERS.items():
            say(f"build with servers: {name}")
            folder = base / f"servers-{name}"
            folder.mkdir()
            made = _built(folder, settings, {"guard": "none", **answers})
            own = {"DATABASE_URL": url, "DATABASE_PASSWORD": PASSWORD}
            own |= {"REDIS_URL": f"redis://127.0.0.1:{ports['redis']}"} if "cache" in answers else {}
            subjects[name] = Subject(made.binary, {**made.env, **own})
            subprocess.run([made.binary, "migrate"], env=dict(subjects[name].env), check=True, capture_output=True)
        say(f"creation in turns, rounds: {rounds}")
        return _in_turns(subjects, rate, rounds, _written_and_read)


def _written_and_read(running: Running) -> dict[str, float]:
    path = running.order()
    posts, gets = running.load("/v1/orders", ORDER), running.load(path)
    return {
        "post_per_s": posts["requests"] / posts["seconds"],
        "get_per_s": gets["requests"] / gets["seconds"],
        **{f"post_{name}": posts[name] for name in QUANTILES},
        **{f"get_{name}": gets[name] for name in QUANTILES},
    }


def _soaked(subject: Subject, rate: Path, seconds: float) -> dict[str, Any]:
    """Memory and goroutines of a service that is under load for long, once in a while without it."""
    looks: list[dict[str, float]] = []
    requests = 0
    with _started(subject, rate) as running:
        path, end = running.order(), time.monotonic() + seconds
        while time.monotonic() < end:
            requests += running.load(path, seconds=SOAK_PAUSE)["requests"]
            time.sleep(0.5)
            looks.append(
                {"resident_bytes": resident_bytes(running.process.pid), "goroutines": running.metric("go_goroutines")}
            )
    return {"seconds": seconds, "requests": requests, "looks": looks}


@contextmanager
def _started(subject: Subject, rate: Path) -> Iterator[Running]:
    """Run it on one core; it is ready when it is given."""
    port, metrics = free_port(), free_port()
    env = {**subject.env, "GOMAXPROCS": "1", "HTTP_PORT": str(port), "ADMIN_PORT": str(metrics)}
    process = subprocess.Popen(
        [subject.binary, *(["serve"] if subject.env else [])],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_on_core(0),
    )
    try:
        if not wait_until(lambda: _answers(port), 30, 0.01):
            process.kill()
            raise BenchError(f"{subject.binary.name} did not become ready: {process.communicate()[1].decode()}")
        yield Running(subject, process, port, metrics if subject.env else port, rate)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _on_core(number: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {number})


def _medians(results: list[dict[str, float]]) -> dict[str, float]:
    return {name: rounded(median(each[name] for each in results)) for name in results[0]}
