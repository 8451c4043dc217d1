"""What a fleet's run has come to: its exit code, its JSON document, and Markdown for people and pull requests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from service_tasks.engine.template import update_text

from .fleet_result import CONFLICTS, Result
from .fleet_table import described


def exit_code(results: Sequence[Result]) -> int:
    """The highest code of any service: 7 where one has conflicts, else 4 where a build fails, 0 where all is good."""
    return max((result.code for result in results), default=0)


def document(results: Sequence[Result], seconds: float, jobs: int) -> dict[str, Any]:
    """The run as one JSON document, the services in the order in which they were named."""
    return {
        "code": exit_code(results),
        "seconds": round(seconds, 1),
        "jobs": jobs,
        "totals": dict(sorted(Counter(result.outcome for result in results).items())),
        "services": [asdict(result) for result in results],
    }


def headline(results: Sequence[Result], seconds: float) -> str:
    """How many services there were, how long it took, and how many came to which outcome."""
    services = "1 service" if len(results) == 1 else f"{len(results)} services"
    return f"{services} in {seconds:.1f} s: {totals(results)}"


def totals(results: Sequence[Result]) -> str:
    """How many came to which outcome, on one line."""
    counted = Counter("with conflicts" if result.code == CONFLICTS else result.outcome for result in results)
    return ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())


def to_do(results: Sequence[Result]) -> list[str]:
    """What somebody must do, service by service, as lines of plain text."""
    lines: list[str] = []
    for result in results:
        if result.note or result.code:
            lines.append(f"{result.name}: {described(result, f' on {result.branch}' if result.branch else '')}")
            lines += [f"  {item['path']}: {item['why']}" for item in result.update.get("conflicts") or []]
            error = str(result.update.get("error") or "") if result.code else ""
            lines += [f"  {line}" for line in [*result.note.splitlines(), *error.splitlines()[-8:]]]
    return lines


def summary(results: Sequence[Result], seconds: float) -> str:
    """All services in one Markdown table, and below it what somebody must do."""
    lines = [
        "# Services and their template",
        "",
        f"{headline(results, seconds)}.",
        "",
        "| service | from | to | outcome | branch | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        before, after = (str(result.update.get(name) or "") for name in ("from", "to"))
        outcome = described(result) if result.code == 0 else f"**{described(result)}**"
        branch = f"`{result.branch}`" if result.branch else ""
        lines.append(f"| {result.name} | {before} | {after} | {outcome} | {branch} | {result.seconds:.1f} |")
    left = to_do(results)
    lines += ["", "## What is left to do", "", "```", *left, "```"] if left else []
    return "\n".join(lines) + "\n"


def write(folder: Path, results: Sequence[Result], seconds: float, jobs: int) -> list[Path]:
    """Write report.json, summary.md and, for each service with a branch, the text of its pull request."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.json": json.dumps(document(results, seconds, jobs), indent=2) + "\n",
        "summary.md": summary(results, seconds),
        **{f"{result.name}.md": update_text.body(result.update) for result in results if result.commit},
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]
