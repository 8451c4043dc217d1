"""docs/performance.md and its picture, made of docs/performance.json: `python -m bench.report` makes them again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from maintain.rendering import ROOT

from .aims import aims
from .picture import draw

FOLDER = ROOT / "docs"
DATA, TEXT, PICTURE = FOLDER / "performance.json", FOLDER / "performance.md", FOLDER / "pictures" / "performance.svg"
WAYS = {
    "article": "article's way",
    "compose": "Compose at its best",
    "invoke": "`invoke deploy`",
}
RACE = {"plain": "plain Compose", "compose": "Compose at its best, one container", "invoke": "`invoke deploy`"}

INTRODUCTION = """\
# Performance

Measured on {measured} in one run of {minutes} minutes, three ways side by side, with the same service (PostgreSQL), the
same base images and the same load:

```
./inv bench             # measures all of it, writes this page, its data and its picture
./inv bench --quick     # one run of each and 4 switches, printed, nothing written
```

- **article's way**: a two-stage Dockerfile without build caches, `docker compose up --detach --build --wait`, one
  container, a health check every 10 s.
- **Compose at its best**: the same command with this template's Dockerfile (build caches) and a health check every
  100 ms at the start.
- **`invoke deploy`**: two slots behind the front door.

![Seconds and lost requests of the three ways](pictures/performance.svg)
"""

METHOD = """\
## How it is measured

- A changed line is a string constant in the router. The clock runs from the change to the end of the command. "Serves"
  is when a client that asks every 10 ms on a new connection got the new string; the gap is the longest time in which it
  got no answer. Medians of {runs} runs, but for the article's way, whose build takes minutes: {article}.
- A switch has the same image serve with another log level, so that no build takes part. The load keeps 50 or 200
  HTTP/1.1 connections open, each with one request at a time and 25 ms of rest, half of them POSTs that the client
  cannot send again by itself, one in ten a GET that takes 500 ms. A connection rests 20 ms after a lost request. The
  latencies are those of the requests that are not slow on purpose. One switch each.
- The {switches} switches are {deploys} deploys and {rollbacks} rollbacks in a row under {connections} connections:
  {requests} requests, {lost} lost. The longest time in which no request at all was answered was {gap:.0f} ms.
- The switches over HTTP/2 are the same, with Caddy in front by the files of [deploy.md](deploy.md#tls) and its own
  authority: {http2_requests} requests, {http2_lost} lost. Each connection is one of HTTP/2 with one request at a time.
- "Service ready → deploy knows": from the service's log line `listening`, by the engine's clock, to the line of the
  step `healthy`, and with Compose to the end of the command.
- "Nothing new" is the same command once more. "Back to the former release" is `rollback`; with Compose the line is put
  back, as by git, and the same command run: Docker has the layers of the former build still.
- The crash is a service that writes a line and ends with 7 as soon as it serves. The clock runs from its line to the
  message of `invoke deploy`, which shows that line, and to the end of Compose's command, which does not.
- "The tool's own share": the whole command, less every call of `go`, of `docker` and of the engine, less the time from
  the end of `compose up` until the service listens, less the steps `drain` and `retire`. Python's start, and waiting
  for the engine and the front door to find the service healthy, are part of it.
- The service of the two other ways stops at once (`DRAIN_LEAD=0s`); the 2 s of its default would make their gap longer.
- Images are as the engine counts them, uncompressed. A layer's bytes are those after gzip.

## What to keep in mind

- Two cores are shared by the load, the database, the front door, the service and the builds. Latencies under
  {connections} connections say how busy the machine is, more than how fast the service is. Compare columns only.
- The load average before each way is in the last table. Where it is above 1, other programs were at work on the machine
  as well, and every figure of seconds is larger for it; a count of lost requests is not.
- A deploy that is switched does more than one that is not: it starts the new release beside the old one, runs its
  new migrations in a container of their own, checks the binary and the front door, lets requests finish, and stops the
  former release without haste. *Compose at its best* does none of it, and may be done sooner.
- Go's caches are full, on the host and in the builder of *Compose at its best*. A first build takes minutes in any way.
- On a machine with stand-ins the Alpine image is a Debian one; it costs the article's way nothing but disk.
- The load is on the same machine and over loopback. A network adds its own losses, which no deploy can prevent.
"""


def write(document: Mapping[str, Any]) -> None:
    """Write the data, the page and the picture."""
    DATA.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    TEXT.write_text(page(document), encoding="utf-8")
    PICTURE.write_text(draw(document), encoding="utf-8")


def page(document: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    introduction = INTRODUCTION.format(measured=document["measured"], minutes=round(document["seconds"] / 60))
    parts = [introduction, _race(document), _side_by_side(document), _aims(document)]
    parts += [_steps(document), _method(document), _machine(document)]
    return "\n".join(part for part in parts if part)


def _race(document: Mapping[str, Any]) -> str:
    race = document.get("race")
    if not race:
        return ""
    ways = [race["ways"][name] for name in RACE]
    rows = [
        [what, *(f"{way[key]:.2f} s" for way in ways), *(f"{ways[-1][key] / way[key]:.2f}" for way in ways[:-1])]
        for what, key in (
            ("one changed line until all is done", "total_s"),
            ("one changed line until it serves", "serving_s"),
            ("nothing new", "nothing_s"),
        )
    ]
    headings = ["", *RACE.values(), "in times of plain", "in times of one container"]
    return (
        "## Run by run\n\nAll three are up, and the line is changed in one after the other, so that whatever else the"
        f" machine does touches\nall alike; medians of {race['rounds']} rounds. **Plain Compose** is `docker compose up"
        " --detach --build --wait` of the very stack that\nthe template generates.\n\n"
    ) + _table(headings, rows)


def _side_by_side(document: Mapping[str, Any]) -> str:
    ways = [document["ways"][name] for name in WAYS]
    rows = [
        ["one changed line until all is done", *(_seconds(way["change"]["total_s"]) for way in ways)],
        ["one changed line until it serves", *(_seconds(way["change"]["serving_s"]) for way in ways)],
        ["longest time without an answer", *(_short(way["change"]["gap_s"]) for way in ways)],
        ["service ready until the command knows", *(_short(way["change"]["ready_to_known_s"]) for way in ways)],
        ["nothing new", *(_seconds(way["nothing_new_s"]) for way in ways)],
        ["back to the former release", *(_seconds(way["rollback_s"]) for way in ways)],
        ["crash at the start until it is told", *(_short(way["crash"]["told_s"]) for way in ways)],
        ["the service's last words are shown", *(_yes(way["crash"]["shows_words"]) for way in ways)],
        ["the former release serves after the crash", *(_yes(way["crash"]["serves"]) for way in ways)],
        ["layers that a changed line ships, compressed", *(_shipped(way["changed"]) for way in ways)],
        ["the tool's own share of a deploy", "-", "-", _seconds(document["invoke"]["deploy"]["overhead_s"])],
    ]
    for number in map(str, document["connections"]):
        switches = [way["switches"][number] for way in ways]
        rows += [
            [f"lost in one switch, {number} connections", *(f"{s['lost']:,} of {s['requests']:,}" for s in switches)],
            [f"p50 / p99 before, {number} connections", *(_latencies(s["before"]) for s in switches)],
            [f"p50 / p99 while it switches, {number} connections", *(_latencies(s["switch"]) for s in switches)],
        ]
    return "## Side by side\n\n" + _table(["", *WAYS.values()], rows)


def _aims(document: Mapping[str, Any]) -> str:
    found = aims(document)
    text = "## Aims\n\n" + _table(["figure", "aim", "measured", "reached"], [aim.row() for aim in found])
    missed = [aim.what for aim in found if not aim.reached]
    changed, images = document["ways"]["invoke"]["changed"], document["images"]
    text += f"\nShort of the aim: {'; '.join(missed)}.\n" if missed else "\nAll of them are reached.\n"
    return text + (
        f"\nOn a code change {changed['layers']} of {changed['of']} layers of the image is new: "
        f"{changed['compressed_bytes'] / 1e6:.1f} MB compressed. With SQLite the image has {images['sqlite'] / 1e6:.1f}"
        " MB.\n"
    )


def _steps(document: Mapping[str, Any]) -> str:
    seconds = document["invoke"]["deploy"]["steps_s"]
    rows = [[f"`{name}`", f"{value:.2f}"] for name, value in seconds.items()]
    return "## Where the seconds of a deploy are\n\n" + _table(["step", "seconds"], rows)


def _method(document: Mapping[str, Any]) -> str:
    many, http2 = document["invoke"]["many"], document["invoke"]["http2"]
    return METHOD.format(
        runs=document["ways"]["invoke"]["change"]["runs"],
        article=document["ways"]["article"]["change"]["runs"],
        switches=many["switches"],
        deploys=many["switches"] - many["rollbacks"],
        rollbacks=many["rollbacks"],
        connections=many["connections"],
        requests=f"{many['requests']:,}",
        lost=many["lost"],
        gap=many["longest_gap_ms"],
        http2_requests=f"{http2['requests']:,}",
        http2_lost=http2["lost"],
    )


def _machine(document: Mapping[str, Any]) -> str:
    rows = [[name, value] for name, value in document["machine"].items()]
    loads = [str(document["ways"][name]["load_before"]) for name in WAYS]
    rows.append(["load before the run, and before each way", ", ".join([str(document["load_before"]), *loads])])
    return "## The machine\n\n" + _table(["what", "here"], rows)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _shipped(changed: Mapping[str, int]) -> str:
    return f"{changed['layers']} of {changed['of']}, {changed['compressed_bytes'] / 1e6:.1f} MB"


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _latencies(figures: Mapping[str, float]) -> str:
    return f"{figures['p50_ms']:.0f} / {figures['p99_ms']:.0f} ms"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (headings, ["---"] * len(headings), *rows)]
    return "\n".join(lines).replace("|  |", "| |").replace("| --- ", "|---").replace("---|---", "---|---") + "\n"


def main() -> int:
    """Make the page and the picture of the data that are there."""
    write(json.loads(DATA.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
