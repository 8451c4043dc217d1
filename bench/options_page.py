"""docs/options.md, made of docs/options.json: `python -m bench.options_page` makes it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .report import FOLDER

DATA, TEXT = FOLDER / "options.json", FOLDER / "options.md"
INTRODUCTION = """\
# Options

What each option of a service is for, what it costs while the service runs, and when not to take it. How to choose one
is in [generate.md](generate.md#questions); an option that is off leaves nothing behind and costs nothing, and each
can be [taken or given up later](update.md).

## What they cost

Measured on {measured} in one run (`./inv bench --options` measures again and writes this page). The binary is that of
staging, stripped, and runs on this machine beside its servers; nothing else does.

"""
HEADINGS = (
    "`database`, `cache`",
    "binary",
    "start until ready",
    "memory at rest",
    "after the requests",
    "processor time of a GET",
    "of a POST",
    "answer to a GET",
    "to a POST",
)
METHOD = """
- **Start until ready**: from the start of the process to the first 200 of `/readyz`, asked every millisecond; the
  median of {starts}. It holds the connection to the database, and that its schema is the wanted one.
- **Memory**: what is resident (`VmRSS`), two seconds after the start, and once more after the requests below.
- **Processor time**: user and system time of the service for one request, without that of its servers, over
  {requests:,} requests in turn on one connection. Each POST makes an order, each GET reads the last one by its id.
- **Answer**: the median on that connection, the client's own time (Python) included: some {client:.1f} ms of each.
"""
MACHINE = "\nOn {processor}, {memory}, {system}, Go {go}; {images}.\n"
SECTIONS = """
## `kind`

Sets the defaults of the questions that follow, and has no cost of its own. Take `minimal` for a service that keeps
nothing, `standard` for one that does; `everything` is the fastest way to see all there is, and not what to begin a
product with: every part of it is one more thing to run.

## `database`

Where orders are kept; with `none` in memory, so that nothing outlives the process.

- **`postgres`** for anything that several slots, hosts or pods serve. Not for a service whose data is one file on one
  machine and may be away for a moment: a server has to be run, backed up and upgraded.
- **`mysql`** where MySQL or MariaDB is what your people run already. Not otherwise: it has neither a transactional
  change of the schema nor `RETURNING`, so a migration that fails half-way is repaired by hand, and what was changed
  is read once more; and each statement is prepared before it is run, one way to the server more.
- **`sqlite`** for one machine: no server, no network, and the smallest answer time of all that keep anything. Not for
  several hosts, nor for more than one pod; one writer at a time is let in. Its engine is compiled from C to Go and
  makes the binary the largest.
- **`none`** for a service whose data is elsewhere. Not to begin with and change later what could be decided now:
  orders of the former process are gone with it.

## `cache`

Redis before the database, for orders that are read far more often than they change: see [work.md](work.md#the-cache).

- It takes reads off the database; with one client, on one machine, it saves little time, as a primary key is read as
  quickly as a key of Redis. It pays where the database is the bottleneck, or further away than Redis.
- A write costs more: the order's key is deleted twice, and the second time is a row of an outbox, in the order's own
  transaction.
- Not for a service whose database has time to spare, and not for data of which a stale moment is not acceptable:
  between the commit and the first delete, another client may read what was true before.

## `events`

Every change of an order as an event on Kafka, whoever has made it: see [work.md](work.md#events). The service that
serves does not change: a process of its own, a second program of some 19 MB in the same image, follows the database's
log and publishes, with some 17 MB of memory. Take it where other services have to know of orders without asking, and a
broker is run already: the stack's own is for trials, and takes some 350 MB of memory. Not for one consumer that could
ask the API, and not where every single state between two has to be told: an event says what an order is when it is
published.

## `reconciler`

A process of its own that follows the database's log, or the events on Kafka, and repairs the cache: see
[work.md](work.md#the-reconciler). The service that serves does not change. The process is a second program of some 17
MB in the same image, and takes some 16 MB of memory; the server writes a fuller log (`wal_level=logical`, or a binary
log of rows), and keeps it while nobody reads it, up to a bound. Take it where somebody else writes to the tables, or
where a stale entry costs more than a process that somebody has to watch. Not where the service alone changes its
orders, and ten minutes of an order that is wrong after an accident are bearable: the outbox misses nothing of what the
service itself does. `events` spares the database a second reader of its log where there are events anyhow; `log` needs
no broker to keep the cache right.

## `guard`

Rules that bound how often routes are asked for and how many requests are worked on at once, and that leave a database
alone that fails: see [work.md](work.md#the-guard). A route with two rules costs some 0.3 µs more for a request, and the
binary grows by 0.2 MB. The rules are each process's own: two replicas let twice as many through. Not where a gateway in
front of the service bounds requests already, for all replicas together: two bounds for the same thing are one too many.

## `rules_source`

Where rules come from while the service runs: see [work.md](work.md#the-guard). `file` costs a watch of one folder, and
`./inv rules.apply`, a ConfigMap, or whatever writes a file changes them. `nacos` keeps one connection open to a Nacos
that you run already. Not a reason to run one: a file does the same for one service, and is in git.

## `auth`

Requests need an access token of your identity provider, with the scopes of their route: see
[work.md](work.md#who-may-ask). Each token is verified anew, which takes some 0.05 to 0.1 ms of processor time by the
algorithm (RS256 the least, ES256 the most), and the binary grows by 0.5 MB. Not where a gateway in front verifies
tokens and nobody else reaches the service; nor for passwords and sessions of people, which are the provider's.

## `tracing`

Spans of requests, statements and questions to Redis go to an OpenTelemetry collector: see [work.md](work.md#tracing). A
span costs some 7 µs of processor time, a request that is not sampled 2 µs, and no request waits for the collector; the
binary grows by 10 MB, which is the largest price of any option, as the protocol's types bring gRPC with them. Not where
nobody runs a collector: the log names the client's trace without it; and `./inv observe` shows what a service does with
no change of it at all.

## `plugins`

Filters for requests as WebAssembly programs, exchanged while the service runs: see [work.md](work.md#plugins). A plugin
in Go costs a request some 25 µs of processor time, for two calls, and some 35 MB of memory at rest; it is a file of 3
MB, and half a second goes by at each start of the service until it is compiled. The service's own binary grows by 2.6
MB. Programs by TinyGo or Rust are a tenth of that. Take it where somebody else than the service's developers decides on
filters, or where they change more often than the service. Not for what could be a few lines of Go in `internal/app`:
these are quicker, see everything, and are tested with the rest.

## `jobs`

Commands of the service that run at times of their own, each time once for all hosts: see
[deploy.md](deploy.md#processes-beside-the-service). The service that serves does not change: its binary grows by some
0.2 MB, and what waits for the times of a job is a process of its own, of some 15 MB. Not for work that has to
follow at once what has caused it, which is a worker's, and not where Kubernetes is all that you deploy to: its CronJobs
need nothing of the service.

## `runtime`

The base of the image: the binary is the same. `scratch` has nothing in it but the service: the smallest, and nothing
to be patched. `alpine` where you want a shell in the container, for a few megabytes; `distroless` where your company
asks for it by name. Sizes are in [performance.md](performance.md#aims).

## `kubernetes`

Manifests and the target `kubernetes`: see [kubernetes.md](kubernetes.md). The binary is the same to the byte, and the
tasks grow by some 1,500 lines of code. Not for one machine, nor for a handful: Docker and `hosts` deploy faster there
and need no cluster that somebody runs.

## `ci`

Files of a pipeline, and nothing in the service. `none` where another system builds: the tasks are all that it has to
call.
"""


def page(document: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    found = document["machine"]
    rows = [list(HEADINGS), ["---"] * len(HEADINGS), *(_row(each) for each in document["variants"])]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    method = METHOD.format(**{name: document[name] for name in ("starts", "requests")}, client=_fastest(document))
    place = {name: found[name] for name in ("processor", "memory", "system")}
    beneath = MACHINE.format(**place, go=found["Go"], images=f"servers: {found['base images']}")
    return INTRODUCTION.format(measured=document["measured"]) + table + method + beneath + SECTIONS


def write(document: Mapping[str, Any]) -> None:
    """Write the data and the page."""
    DATA.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    TEXT.write_text(page(document), encoding="utf-8")


def _row(cost: Mapping[str, Any]) -> list[str]:
    megabytes = [f"{cost[name] / 1e6:.1f} MB" for name in ("binary_bytes", "rest_bytes", "loaded_bytes")]
    return [
        f"`{cost['database']}`, `{cost['cache']}`",
        megabytes[0],
        f"{cost['start_ms']:.0f} ms",
        *megabytes[1:],
        *(f"{cost[name]:.0f} µs" for name in ("get_cpu_us", "post_cpu_us")),
        *(f"{cost[name]:.2f} ms" for name in ("get_ms", "post_ms")),
    ]


def _fastest(document: Mapping[str, Any]) -> float:
    """The quickest answer of all, in milliseconds: of a service that looks into its own memory."""
    return min(float(each["get_ms"]) for each in document["variants"])


if __name__ == "__main__":
    write(json.loads(DATA.read_text(encoding="utf-8")))
