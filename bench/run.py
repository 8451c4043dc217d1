"""`./inv bench`: all ways in one run on this machine, and the documents that show it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maintain.base_images import OFFICIAL, Choice, choose
from maintain.demo_cluster import chosen_cluster
from maintain.stand_ins import runtimes_present

from . import load_client, machine, ours, report, sizes
from .kubernetes import measure_kubernetes
from .measure import measure_way
from .options import measure_options
from .profile import measure_service
from .race import measure_race
from .service import BenchError, Service, make_service, remove_images
from .tls import put_behind_tls
from .ways import Invoke, Way, article_way, compose_way, plain_way
from .without_load import measure_without_load

CONNECTIONS = (50, 200)
SWITCHES = 20
RUNS = 3
ROUNDS = 7
SERVICE_ROUNDS = 5
SOAK, QUICK_SOAK = 600.0, 15.0
"""Seconds of load at a stretch."""


@dataclass(frozen=True)
class Plan:
    """How often everything is measured. The article's way is changed once: it takes more than a minute."""

    quick: bool

    @property
    def runs(self) -> int:
        """Runs that a median is taken of."""
        return 1 if self.quick else RUNS

    @property
    def rounds(self) -> int:
        """Rounds of the race."""
        return 1 if self.quick else ROUNDS

    @property
    def switches(self) -> int:
        """Switches of the long load."""
        return 4 if self.quick else SWITCHES


def run_bench(quick: bool) -> int:
    """Measure, and write the documents unless it was a quick run; gives the exit status."""
    choice = choose("docker")
    if not _equipped(choice):
        return 3
    images = {"RUNTIME_IMAGE": runtimes_present().get("alpine", "alpine:3.22"), **OFFICIAL, **choice.images}
    started = time.monotonic()
    try:
        document = _measure(Plan(quick), images, choice.images)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    document["seconds"] = round(time.monotonic() - started)
    if quick:
        print(json.dumps(document, indent=2))
    else:
        former = report.read()
        report.write({**document, **{part: former.get(part) for part in ("kubernetes", "service")}})
    return 0


def run_kubernetes_bench(quick: bool, context: str, registry: str) -> int:
    """Measure deploys into a cluster, and write that part of the documents unless it was a quick run."""
    cluster = chosen_cluster("kubernetes", context, registry)
    assert cluster
    choice = choose("docker")
    images = {**OFFICIAL, **choice.images}
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = measure_kubernetes(cluster, Path(folder), images, choice.images, Plan(quick).rounds, _say)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found["measured"] = time.strftime("%Y-%m-%d", time.gmtime())
    if quick:
        print(json.dumps(found, indent=2))
    else:
        report.write({**report.read(), "kubernetes": found})
    return 0


def run_service_bench(quick: bool) -> int:
    """Measure the service's own speed, and write that part of the documents unless it was a quick run."""
    choice = choose("docker")
    if not _equipped(choice):
        return 3
    started = time.monotonic()
    rounds, soak = (1, QUICK_SOAK) if quick else (SERVICE_ROUNDS, SOAK)
    try:
        with tempfile.TemporaryDirectory() as folder:
            images = {**OFFICIAL, **choice.images}
            found = measure_service(Path(folder), choice.images, images, rounds, soak, _say)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found["took_s"] = round(time.monotonic() - started)
    if quick:
        print(json.dumps(found, indent=2))
    else:
        report.write({**report.read(), "service": found})
    return 0


def run_options_bench() -> int:
    """Measure what the options of a service cost, and write their documents."""
    choice = choose("docker")
    if not _equipped(choice):
        return 3
    try:
        measure_options(choice.images, {**OFFICIAL, **choice.images}, _say)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _equipped(choice: Choice) -> bool:
    """Whether there is an engine and a Go; says so where there is not."""
    if "no Docker engine" in choice.reason or not load_client.find_go():
        print("error: the benchmarks need a Docker engine and Go on the PATH", file=sys.stderr)
        return False
    return True


def _measure(plan: Plan, images: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe(settings),
        "load_before": round(os.getloadavg()[0], 2),
        "connections": list(CONNECTIONS),
        "ways": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        client = load_client.build(base)
        service = make_service(base, settings)
        try:
            _say("run by run: the same line changed in three ways that are all up")
            plain, one = plain_way(service, base, settings), compose_way(service, base / "race", images)
            racing: dict[str, Way] = {"plain": plain, "compose": one, "invoke": Invoke(service)}
            document["race"] = measure_race(racing, client, plan.rounds, _say)
            for name, way in _ways(service, base, images).items():
                document["ways"][name] = _one_way(way, client, plan, base, document)
        finally:
            remove_images(service.name)
        _say("images")
        document["images"] = sizes.measure_images(base, settings)
        document["copier_s"] = sizes.measure_copier(base, max(plan.runs, 3))
    return document


def _ways(service: Service, base: Path, images: Mapping[str, str]) -> dict[str, Way]:
    return {
        "article": article_way(service, base, images),
        "compose": compose_way(service, base, images),
        "invoke": Invoke(service),
    }


def _one_way(way: Way, client: Path, plan: Plan, base: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Bring a way up, measure it, take it down."""
    _say(way.title)
    try:
        way.prepare()
        load = round(os.getloadavg()[0], 1)
        runs = 1 if "article" in way.title else plan.runs
        figures = measure_way(way, client, runs, CONNECTIONS, _say)
        _say("  nothing new, rollback, crash")
        figures.update(measure_without_load(way, runs))
        if isinstance(way, Invoke):
            document["invoke"] = _alone(way, client, plan, base)
        return {**figures, "load_before": load}
    finally:
        way.take_down()


def _alone(way: Invoke, client: Path, plan: Plan, base: Path) -> dict[str, Any]:
    """What is measured of `invoke deploy` alone."""
    figures: dict[str, Any] = {"deploy": ours.measure_deploys(way, base, plan.runs)}
    figures["list_s"] = ours.measure_list(way.service, max(plan.runs, 3))
    figures["many"] = ours.measure_many_switches(way, client, plan.switches, max(CONNECTIONS), _say)
    _say("  behind Caddy, over HTTP/2")
    options = put_behind_tls(way, base)
    figures["http2"] = ours.measure_many_switches(way, client, plan.switches, max(CONNECTIONS), _say, *options)
    return figures


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_bench("--quick" in sys.argv))
