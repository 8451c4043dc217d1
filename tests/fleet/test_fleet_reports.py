"""What a run over many services tells: the exit code, the table, and the text of a pull request."""

from __future__ import annotations

import io
from typing import Any

import pytest

from maintain import fleet_report
from maintain.fleet_result import Result
from maintain.fleet_sources import Source
from maintain.fleet_table import Progress
from service_tasks.engine.template import update_text

from .services import BRANCH, FORMER, NEWER


@pytest.mark.parametrize(("codes", "code"), [([], 0), ([0, 0], 0), ([0, 4], 4), ([4, 7, 2], 7), ([0, 3, 2], 3)])
def test_the_exit_code_is_the_highest_of_all(codes: list[int], code: int) -> None:
    assert fleet_report.exit_code([Result(str(number), "", code=each) for number, each in enumerate(codes)]) == code


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(monkeypatch: pytest.MonkeyPatch, output: io.StringIO, no_color: str) -> str:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    progress = Progress(output, [Source("orders", "/orders"), Source("billing", "/billing")])
    with progress.shown():
        progress.begins("orders", "clone")
        progress.ends(Result("orders", "/orders", outcome="updated", update={"from": FORMER, "to": NEWER}))
        progress.ends(Result("billing", "/billing", code=4, outcome="build failed"))
    return output.getvalue()


def test_a_terminal_shows_a_table_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(monkeypatch, Terminal(), "")

    assert "service" in shown
    assert "\x1b[32m" in shown
    assert "\x1b[31m" in shown


def test_no_color_leaves_the_table_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(monkeypatch, Terminal(), "1")

    assert "build failed" in shown
    assert "\x1b[32m" not in shown
    assert "\x1b[31m" not in shown


def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert show(monkeypatch, io.StringIO(), "").splitlines() == [
        "✓ orders      0.0 s  updated  v1.1.0 → v1.3.0",
        "✗ billing     0.0 s  build failed",
    ]


UPDATE: dict[str, Any] = {
    "service": "orders",
    "from": FORMER,
    "to": NEWER,
    "branch": BRANCH,
    "changed": [f"internal/file{number}.go" for number in range(100)],
    "conflicts": [{"path": "a|b.go", "why": "both\nchanged it"}, {"path": "Dockerfile", "why": "both changed it"}],
    "variables": {"dev": {"added": ["QUEUE_URL"], "dropped": []}, "prod": {"added": [], "dropped": []}},
    "checks": {"build": "failed", "test": "skipped"},
    "error": "go build fails\n```\nmain.go:1",
    "changelog": "## [1.3.0]\n\n### Added\n\n- A queue.\n" + "- And more.\n" * 5000,
}


def test_the_text_of_a_pull_request_begins_with_what_must_be_done() -> None:
    text = update_text.body(UPDATE)

    assert text.index("2 files have conflicts") < text.index("## Checks") < text.index("## Files")
    assert f"git switch {BRANCH}" in text
    assert "- build: **failed**" in text
    assert "`QUEUE_URL`" in text
    assert "`prod`" not in text


def test_the_text_of_a_pull_request_is_sound_markdown_and_short_enough() -> None:
    text = update_text.body(UPDATE)

    assert "| `a\\|b.go` | both changed it |" in text
    assert text.count("```") == 4
    assert "### [1.3.0]" in text
    assert "and 40 more" in text
    assert len(text) < 65_536


def test_what_did_not_happen_has_no_heading() -> None:
    assert update_text.body({"service": "orders", "from": FORMER, "to": NEWER}) == (
        "Brings `orders` from `v1.1.0` to `v1.3.0` of its template.\n"
    )
