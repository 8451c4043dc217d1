"""Which services stand for all others: every pair of answers that can be given is in one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..conftest import Render
from ..support.options import read_choices
from ..support.service import ROOT
from .combinations import GO, every, named, pairs, pairwise

OTHERS = [
    (name, value)
    for name, values in read_choices(ROOT).items()
    if name not in (*GO, "kind", "changes", "rules_from")
    for value in values
]


def test_every_pair_of_answers_is_tested() -> None:
    tested = {pair for answers in pairwise() for pair in pairs(answers)}

    assert [answers for answers in every() if not pairs(answers) <= tested] == []
    assert len(pairwise()) < len(every())


def test_what_a_question_refuses_is_no_combination() -> None:
    assert {
        "database": "sqlite",
        "cache": "redis",
        "events": "none",
        "reconciler": "none",
        "guard": "none",
        "rules_source": "file",
        "auth": "none",
        "tracing": "none",
        "plugins": "none",
        "jobs": "none",
        "kubernetes": True,
    } not in every()
    assert {
        "database": "postgres",
        "cache": "none",
        "events": "none",
        "reconciler": "log",
        "guard": "none",
        "rules_source": "file",
        "auth": "none",
        "tracing": "none",
        "plugins": "none",
        "jobs": "none",
        "kubernetes": True,
    } not in every()
    assert len([each for each in every() if each["cache"] == "redis" and each["reconciler"] == "log"]) == 384


def test_a_combination_has_a_name_of_its_own() -> None:
    assert len({named(answers) for answers in every()}) == len(every())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), OTHERS, ids=str)
def test_no_other_answer_changes_the_go_code(rendered: Render, name: str, value: Any) -> None:
    assert sources(rendered(**{name: value})) == sources(rendered())


def sources(service: Path) -> dict[str, str]:
    """The files of the Go code with what is in them."""
    found = [*service.rglob("*.go"), service / "go.mod", service / "go.sum"]
    return {str(path.relative_to(service)): path.read_text() for path in found}
