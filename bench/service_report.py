"""The part of docs/performance.md about the service's own speed, made of what `profile.py` has measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .aims import Aim
from .profile import BARE, QUIET
from .tables import table

TITLES = {
    BARE: "bare Gin handler",
    "none": "the service, no option",
    QUIET: "the same without its access log (`LOG_LEVEL=warn`)",
    "guard": "with `guard`",
    "auth": "with `auth`",
    "tracing": "with `tracing`",
    "plugins": "with `plugins`",
    "everything": "with all four",
}
CREATION = {"neither": "neither", "guard": "guard", "cache": "cache", "both": "cache and guard"}
INTRODUCTION = """\
## The service itself

Measured on {measured}, all in turns in one run, {rounds} rounds of {seconds} s each, medians:

```
./inv bench --service             # measures it, a quarter of an hour, and writes this part
./inv bench --service --quick     # one round of each, printed, nothing written
```

Each variant runs on one core (`GOMAXPROCS=1`), with the load on the other: {connections} connections without a pause.
The request is `GET /v1/orders/:id` of an order in memory, whose answer is the same JSON in all of them; the bare
handler is `gin.New()` with one route, no middleware and no log.

"""
ALLOCATIONS = """
What the middleware takes is spread: the access log, a line of JSON and a write for each request, is its largest part,
as the row without it shows; then the time limits of a request and of its connection, the metrics, the request's id and
the parsing of `traceparent`. The handler does next to nothing here; what asks a database answers a fifth as often, as
shown below.

Where a request's allocations are from: reading it and writing the answer, and its JSON, as with the bare handler; its
id; the context with its time limit, and the request with that context; the record of the access log with its
attributes and the client's address. `auth` verifies a signature and parses two JSON documents. `tracing` makes a span
with its attributes. `plugins` makes a context with a time limit for each of its two calls.

"""
PGO = """\
**By a profile** (`./inv pgo`): the service with everything answers {before:,.0f} requests a second as it is built, and
{after:,.0f} built by a profile of itself under this load: {gain:+.1%}.

"""
COLLECTORS = """\
**A collector that is slow or away**: with `tracing` and two connections, p50 / p99 / p99.9 are {answers} with a
collector that answers, {hangs} with one that takes connections and says nothing, and {down} with none at its address.

"""
CREATION_TEXT = """\
### Creating and reading orders

The same load on a service with PostgreSQL on the same machine. The article has a cache and Sentinel's rules in front of
its orders, and says that creating one took 310 ms in place of 820 (×2.6) under its load. What is in front of a write
does not make it quicker: the cache is for reads, and rules bound how much comes at once. Here they let all of it
through.

"""
SOAK = """\
**{minutes:.0f} minutes under load**, {requests:,} requests: {first_mb:.0f} MB at first, {last_mb:.0f} MB at the end,
the most {most_mb:.0f} MB; {first:.0f} goroutines at first, {last:.0f} at the end.
"""


def service_part(found: Mapping[str, Any] | None) -> str:
    """The part as Markdown; nothing where it was not measured yet."""
    if not found:
        return ""
    variants, soak = found["variants"], found["soak"]
    bare = variants[BARE]["requests_per_s"]
    rows = [
        [
            TITLES[name],
            f"{each['requests_per_s']:,.0f}",
            f"{each['requests_per_s'] / bare:.2f}",
            f"{each['cpu_us']:.1f} µs",
            " / ".join(f"{each[part]:.2f}" for part in ("p50_ms", "p99_ms", "p999_ms")) + " ms",
            f"{each['allocations']:.0f}",
            f"{each['allocated_bytes'] / 1e3:.1f} kB",
            f"{each['rest_bytes'] / 1e6:.1f} / {each['loaded_bytes'] / 1e6:.1f} MB",
        ]
        for name, each in variants.items()
    ]
    headings = ["", "requests/s", "in times of bare", "processor a request", "p50 / p99 / p99.9"]
    headings += ["allocations", "allocated", "memory at rest / under load"]
    before, after = (found["pgo"][name]["requests_per_s"] for name in ("before", "after"))
    looks = [look["resident_bytes"] / 1e6 for look in soak["looks"]]
    return "\n".join(
        (
            INTRODUCTION.format(**found) + table(headings, rows) + ALLOCATIONS + _aims(found),
            PGO.format(before=before, after=after, gain=after / before - 1) + _collectors(found),
            CREATION_TEXT + _creation(found),
            SOAK.format(
                minutes=soak["seconds"] / 60,
                requests=soak["requests"],
                first_mb=looks[0],
                last_mb=looks[-1],
                most_mb=max(looks),
                first=soak["looks"][0]["goroutines"],
                last=soak["looks"][-1]["goroutines"],
            ),
        )
    )


def service_aims(found: Mapping[str, Any]) -> list[Aim]:
    """The figures to reach."""
    variants, looks = found["variants"], found["soak"]["looks"]
    share = 1 - variants["none"]["requests_per_s"] / variants[BARE]["requests_per_s"]
    grown = looks[-1]["goroutines"] - looks[0]["goroutines"]
    return [
        Aim("throughput that the middleware takes from a bare handler's", 15, share * 100, " %"),
        Aim("memory at rest, no option", 20e6, variants["none"]["rest_bytes"], "MB"),
        Aim("p99 more with a collector that hangs, or is down", 0.001, _later(found["collectors"]) / 1000, "ms"),
        Aim("goroutines more after the soak", 0, max(grown, 0), ""),
        Aim("memory at the end of the soak, in times of its first quarter", 1.1, _growth(looks), "×"),
    ]


def _growth(looks: list[Mapping[str, float]]) -> float:
    """The most of the last quarter in times of the most of the first."""
    quarter = max(len(looks) // 4, 1)
    first, last = (max(look["resident_bytes"] for look in part) for part in (looks[:quarter], looks[-quarter:]))
    return last / first


def _later(states: Mapping[str, Mapping[str, float]]) -> float:
    """Milliseconds that the 99th percentile is later than with a collector that answers."""
    return max(0.0, *(states[state]["p99_ms"] - states["answers"]["p99_ms"] for state in ("hangs", "down")))


def _collectors(found: Mapping[str, Any]) -> str:
    shown = {
        state: " / ".join(f"{each[name]:.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")) + " ms"
        for state, each in found["collectors"].items()
    }
    return COLLECTORS.format(**shown)


def _aims(found: Mapping[str, Any]) -> str:
    aims = service_aims(found)
    missed = [aim.what for aim in aims if not aim.reached]
    text = table(["figure", "aim", "measured", "reached"], [aim.row() for aim in aims])
    return text + (f"\nShort of the aim: {'; '.join(missed)}.\n" if missed else "")


def _creation(found: Mapping[str, Any]) -> str:
    rows = [
        [
            title,
            *(
                f"{each[f'{kind}_per_s']:,.0f}/s, "
                + " / ".join(f"{each[f'{kind}_{part}']:.1f}" for part in ("p50_ms", "p99_ms", "p999_ms"))
                + " ms"
                for kind in ("post", "get")
            ),
        ]
        for title, each in ((CREATION[name], found["creation"][name]) for name in CREATION)
    ]
    return table(["in front of the database", "creating: p50 / p99 / p99.9", "reading: p50 / p99 / p99.9"], rows)
