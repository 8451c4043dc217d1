#!/usr/bin/env python3
"""What an update did, as the text of a pull request: `python3 update_text.py update.json`.

`update.json` is what `./inv template.update --json` printed. An update may leave conflicts in any file, those of the
tasks included: so this file needs nothing but Python, and works from wherever it was copied to before the update.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

LONGEST_LIST = 60
LONGEST_CHANGELOG = 20_000
"""GitHub takes pull requests of up to 65,536 characters."""


def title(update: Mapping[str, Any]) -> str:
    """The title of the pull request."""
    return f"Update the template to {update.get('to') or 'its newest version'}"


def body(update: Mapping[str, Any]) -> str:
    """The text of the pull request, in Markdown: first what somebody must do, then what has changed."""
    service, former, newer = (_code(update.get(name)) for name in ("service", "from", "to"))
    sections = [
        f"Brings {service} from {former} to {newer} of its template.",
        _conflicts(update),
        _checks(update),
        _table("Variables", ("environment", "new", "no longer known"), _variables(update)),
        _table("Go modules", ("module", "from", "to"), _cells(update.get("modules"), "path", "from", "to")),
        _table("Left as they are", ("file", "why"), _cells(update.get("kept"), "path", "why")),
        _files(update),
        _changelog(str(update.get("changelog") or "")),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _conflicts(update: Mapping[str, Any]) -> str:
    conflicts = update.get("conflicts") or []
    if not conflicts:
        return ""
    branch = update.get("branch")
    count = "One file has" if len(conflicts) == 1 else f"{len(conflicts)} files have"
    warning = (
        "The template and this service have changed the same things. The files are committed with both sides "
        "between `<<<<<<<` and `>>>>>>>`, or as the reason says: **do not merge this before they are resolved.**"
    )
    return "\n\n".join(
        [
            f"## {count} conflicts",
            warning,
            _rows(("file", "why"), _cells(conflicts, "path", "why")),
            "```\n"
            + (f"git fetch && git switch {branch}\n" if branch else "")
            + "# keep what is right of both sides in each file, and remove the marks; git show tells what changed\n"
            + "./inv lint && ./inv test\ngit commit --all && git push\n```",
        ]
    )


def _checks(update: Mapping[str, Any]) -> str:
    checks = update.get("checks") or {}
    error = str(update.get("error") or "").strip()
    shown = [f"- {name}: {'**failed**' if state == 'failed' else state}" for name, state in checks.items()]
    if error:
        shown.append("\n```\n" + error.replace("```", "'''") + "\n```")
    return "## Checks\n\n" + "\n".join(shown) if shown else ""


def _variables(update: Mapping[str, Any]) -> list[list[str]]:
    variables = update.get("variables") or {}
    return [
        [_code(env), _names(change.get("added")), _names(change.get("dropped"))]
        for env, change in variables.items()
        if change.get("added") or change.get("dropped")
    ]


def _files(update: Mapping[str, Any]) -> str:
    lists = [_list(kind, update.get(kind) or []) for kind in ("added", "changed", "removed")]
    shown = "\n".join(lines for lines in lists if lines)
    return f"## Files\n\n{shown}" if shown else ""


def _list(kind: str, paths: Sequence[str]) -> str:
    if not paths:
        return ""
    lines = [f"- {_code(path)}" for path in paths[:LONGEST_LIST]]
    if len(paths) > LONGEST_LIST:
        lines.append(f"- and {len(paths) - LONGEST_LIST} more")
    return f"<details><summary>{kind}: {len(paths)}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _changelog(text: str) -> str:
    if not text.strip():
        return ""
    lower = re.sub(r"^(#{1,5} )", r"#\1", text.strip(), flags=re.MULTILINE)
    if len(lower) > LONGEST_CHANGELOG:
        lower = lower[:LONGEST_CHANGELOG].rpartition("\n")[0] + "\n\n(shortened)"
    return f"## What is new in the template\n\n{lower}"


def _table(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"## {heading}\n\n{_rows(columns, rows)}" if rows else ""


def _rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(items: Iterable[Mapping[str, Any]] | None, first: str, *others: str) -> list[list[str]]:
    return [[_code(item.get(first)), *(_cell(item.get(name)) for name in others)] for item in items or []]


def _names(names: Iterable[str] | None) -> str:
    return ", ".join(_code(name) for name in names or [])


def _cell(value: object) -> str:
    return " ".join(str(value or "").split()).replace("|", "\\|")


def _code(value: object) -> str:
    text = _cell(value)
    return f"`{text}`" if text else "?"


if __name__ == "__main__":
    print(body(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), end="")
