"""docs/performance.md and its picture, made of docs/performance.json: `python -m bench.report` makes them again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from maintain.rendering import ROOT

from .aims import aims
from .picture import draw
from .service_report import service_part
from .tables import table
from .texts import EXPLAINED, INTRODUCTION, KUBERNETES, METHOD

FOLDER = ROOT / "docs"
DATA, TEXT, PICTURE = FOLDER / "performance.json", FOLDER / "performance.md", FOLDER / "pictures" / "performance.svg"
WAYS = {
    "article": "article's way",
    "compose": "Compose at its best",
    "invoke": "`invoke deploy`",
}
IN_A_CLUSTER = {"kubectl": "kubectl", "helm": "helm", "invoke": "`invoke deploy`"}
RACE = {"plain": "plain Compose", "compose": "Compose at its best, one container", "invoke": "`invoke deploy`"}


def read() -> dict[str, Any]:
    """The data of the last run."""
    document: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return document


def write(document: Mapping[str, Any]) -> None:
    """Write the data, the page and the picture."""
    DATA.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    TEXT.write_text(page(document), encoding="utf-8")
    PICTURE.write_text(draw(document), encoding="utf-8")


def page(document: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    introduction = INTRODUCTION.format(measured=document["measured"], minutes=round(document["seconds"] / 60))
    parts = [introduction, _race(document), _side_by_side(document), _aims(document)]
    parts += [_steps(document), _explained(document), _kubernetes(document), service_part(document.get("service"))]
    parts += [_method(document), _machine(document)]
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
    ) + table(headings, rows)


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
            [f"p50 / p99 / slowest before, {number} connections", *(_latencies(s["before"]) for s in switches)],
            [f"the same while it switches, {number} connections", *(_latencies(s["switch"]) for s in switches)],
        ]
    return "## Side by side\n\n" + table(["", *WAYS.values()], rows)


def _aims(document: Mapping[str, Any]) -> str:
    found = aims(document)
    text = "## Aims\n\n" + table(["figure", "aim", "measured", "reached"], [aim.row() for aim in found])
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
    return "## Where the seconds of a deploy are\n\n" + table(["step", "seconds"], rows)


def _explained(document: Mapping[str, Any]) -> str:
    """Why a deploy takes what it takes, beside one container of Compose; nothing where there was no race."""
    race = document.get("race", {}).get("ways")
    if not race:
        return ""
    alone = document["invoke"]
    seconds = alone["deploy"]["steps_s"]
    beside = sum(seconds[name] for name in ("healthy", "admit", "verify", "drain", "retire"))
    return EXPLAINED.format(
        ours=race["invoke"]["total_s"],
        one=race["compose"]["total_s"],
        serving=_apart(race["invoke"]["serving_s"] - race["compose"]["serving_s"]),
        listed=alone["list_s"],
        share=alone["deploy"]["overhead_s"],
        retire=seconds["retire"],
        beside=beside,
    )


def _apart(seconds: float) -> str:
    """How much later, or sooner, than with one container the new code serves."""
    return f"The new code serves {abs(seconds):.2f} s {'later' if seconds > 0 else 'sooner'} than with one container."


def _kubernetes(document: Mapping[str, Any]) -> str:
    """The part about a cluster; nothing where none was measured yet."""
    found = document.get("kubernetes")
    if not found:
        return ""
    titles = {name: title for name, title in IN_A_CLUSTER.items() if name in found["ways"]}
    ways = [found["ways"][name] for name in titles]
    rows = [
        [what, *(f"{way[key]:.2f} s" for way in ways), f"{ways[-1][key] / ways[0][key]:.2f}"]
        for what, key in (
            ("one changed line until all is done", "total_s"),
            ("one changed line until it is served", "serving_s"),
            ("nothing new", "nothing_new_s"),
            ("back to the former release", "rollback_s"),
            ("crash at the start until the command ends", "crash_s"),
        )
    ]
    rows.append(["the service's last words are shown", *(_yes(way["shows_words"]) for way in ways), ""])
    text = KUBERNETES.format(measured=found["measured"], version=found["version"], rounds=found["rounds"])
    return text + table(["", *titles.values(), "in times of kubectl"], rows)


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
    return "## The machine\n\n" + table(["what", "here"], rows)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _shipped(changed: Mapping[str, int]) -> str:
    return f"{changed['layers']} of {changed['of']}, {changed['compressed_bytes'] / 1e6:.1f} MB"


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _latencies(figures: Mapping[str, float]) -> str:
    return " / ".join(f"{figures[name]:.0f}" for name in ("p50_ms", "p99_ms", "slowest_ms")) + " ms"


def main() -> int:
    """Make the page and the picture of the data that are there."""
    write(read())
    return 0


if __name__ == "__main__":
    sys.exit(main())
