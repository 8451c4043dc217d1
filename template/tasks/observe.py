"""The task that looks into a running service: latencies by route, what it works on and what it waits for."""

from __future__ import annotations

from collections import Counter
from math import floor, log2
from pathlib import Path
from typing import Any

from invoke.context import Context

from .cli import ENV, HOST, JSON, Session, service_task, session
from .engine.config.settings import parse_seconds
from .engine.core.console import print_json, table
from .engine.core.errors import UsageFault
from .engine.observe.observation import Observed, observe, write_pictures
from .engine.observe.sums import Latency
from .engine.targets import make_target

MOST_SECONDS = 600
BAR = 40
"""Characters of the longest bar."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
OPTIONS = {
    **ENV,
    **HOST,
    **JSON,
    "seconds": f"whole seconds to watch for, at most {MOST_SECONDS} (default: 30)",
    "output": "the folder for both flame graphs (default: dist/observe-ENV)",
}


@service_task(name="observe", help=OPTIONS)
def observe_task(
    c: Context, env: str = "dev", host: str = "", seconds: str = "30", output: str = "", json: bool = False
) -> None:
    """Look into the service on this host for a while, as root, by eBPF: latencies, flame graphs, scheduling."""
    s = session(c, env, json)
    duration = _duration(seconds)
    target = make_target(s.runner, s.settings, s.environments.configuration(s.environment), host)
    folder = Path(output) if output else s.runner.root / "dist" / f"observe-{env}"
    if s.runner.dry:
        s.runner.act(f"watch {env} for {duration} s, and write flame graphs to {folder}", lambda: None)
        return
    s.console.title(f"Observing {s.settings.service} in {env}")
    observed = observe(target, s.runner, s.console, duration)
    pictures = write_pictures(observed, folder, f"{s.settings.service} in {env}", s.runner.root)
    if json:
        print_json(_document(s, observed, pictures))
    else:
        _show(observed, pictures)


def _duration(text: str) -> int:
    seconds = parse_seconds("--seconds", text)
    if seconds != int(seconds) or seconds > MOST_SECONDS:
        remedy = "as in --seconds=30"
        raise UsageFault(f'--seconds "{text}" is not a whole number up to {MOST_SECONDS}', remedy=remedy)
    return int(seconds)


def _document(s: Session, observed: Observed, pictures: dict[str, str]) -> dict[str, Any]:
    return {
        "service": s.settings.service,
        "env": s.environment.name,
        "pid": observed.pid,
        "seconds": round(observed.seconds, 1),
        "routes": [
            {"method": method, "route": route, **_route_document(latency)}
            for (method, route), latency in observed.routes.items()
        ],
        "threads": observed.threads.document() if observed.threads else None,
        "samples": observed.on_cpu.total(),
        "flame_graphs": pictures,
        "lacking": list(observed.lacking),
    }


def _route_document(latency: Latency) -> dict[str, Any]:
    return {
        "requests": latency.requests,
        **{f"{name}_seconds": round(latency.quantile(share), 6) for name, share in QUANTILES.items()},
        "waiting_seconds": round(latency.waiting, 6),
        "queueing_seconds": round(latency.queueing, 6),
        "buckets": [
            {"from_seconds": low, "to_seconds": high, "requests": count}
            for (low, high), count in sorted(latency.buckets.items())
        ],
    }


def _show(observed: Observed, pictures: dict[str, str]) -> None:
    print()
    headings = ("method", "route", "requests", *QUANTILES, "waiting", "queueing")
    table(headings, [_row(*name, latency) for name, latency in observed.routes.items()])
    for (method, route), latency in observed.routes.items():
        print(f"\n{method} {route}")
        for line in _histogram(latency):
            print(f"  {line}")
    print()
    if observed.threads:
        rows = [(name, f"{seconds:.2f} s") for name, seconds in vars(observed.threads).items()]
        table(("threads", "together"), [(name.replace("_", " "), text) for name, text in rows])
    for sentence in observed.lacking:
        print(f"not seen: {sentence}")
    for name, path in pictures.items():
        print(f"{name.replace('_', '-')} flame graph: {path}")


def _row(method: str, route: str, latency: Latency) -> list[str]:
    """A line of the table; the last two columns are means of a request."""
    times = [latency.quantile(share) for share in QUANTILES.values()]
    means = [total / max(latency.requests, 1) for total in (latency.waiting, latency.queueing)]
    return [method, route, f"{latency.requests:,}", *(_time(seconds) for seconds in (*times, *means))]


def _histogram(latency: Latency) -> list[str]:
    """A bar for each doubling of the latency."""
    bars = Counter[int]()
    for (low, _), count in latency.buckets.items():
        bars[floor(log2(max(low * 1e6, 1)))] += count
    longest = max(bars.values(), default=1)
    return [
        f"{_time(2**power / 1e6):>8} to {_time(2 ** (power + 1) / 1e6):<8} {bars[power]:>9,}  "
        f"{'█' * round(BAR * bars[power] / longest)}".rstrip()
        for power in range(min(bars, default=0), max(bars, default=-1) + 1)
    ]


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.0f} us"
