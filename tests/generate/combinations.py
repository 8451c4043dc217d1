"""The combinations of answers that a service's Go code is tested with: generated from the questions, not picked."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

from ..support.options import JINJA, read_choices, read_settings
from ..support.service import ROOT

Answers = dict[str, Any]
GO = (
    "database",
    "cache",
    "events",
    "reconciler",
    "guard",
    "rules_source",
    "auth",
    "tracing",
    "plugins",
    "jobs",
    "kubernetes",
)
"""The questions whose answers change the Go code."""
CHOICES: dict[str, list[Any]] = {name: read_choices(ROOT)[name] for name in GO}
UNASKED = {
    name: (JINJA.from_string(question["when"]), JINJA.from_string(question["default"]))
    for name, question in read_settings(ROOT).items()
    if name in GO and isinstance(question.get("when"), str)
}
"""When a question is asked, and its answer otherwise."""
VALIDATORS = {
    name: JINJA.from_string(question["validator"])
    for name, question in read_settings(ROOT).items()
    if name in GO and "validator" in question
}


def supported(answers: Answers) -> bool:
    """Whether no question refuses its answer, and what is not asked beside the others has its answer of then."""
    if any(validator.render(answers).strip() for validator in VALIDATORS.values()):
        return False
    known = {**answers, "kind": "standard"}
    unasked = {name: default for name, (when, default) in UNASKED.items() if when.render(known) != "True"}
    return all(answers[name] == default.render(known) for name, default in unasked.items())


def every() -> list[Answers]:
    """All supported combinations."""
    found = (dict(zip(GO, values, strict=True)) for values in product(*CHOICES.values()))
    return [answers for answers in found if supported(answers)]


def pairs(answers: Answers) -> set[frozenset[tuple[str, Any]]]:
    """The pairs of answers in a combination."""
    return {frozenset(pair) for pair in combinations(answers.items(), 2)}


def pairwise() -> list[Answers]:
    """Some in which each supported pair of answers to two questions stands at least once.

    Each is the one with most pairs that none before it has. Libraries that know of filters leave some pairs out.
    """
    left, chosen = set[frozenset[tuple[str, Any]]]().union(*map(pairs, every())), list[Answers]()
    while left:
        chosen.append(max(every(), key=lambda answers: len(pairs(answers) & left)))
        left -= pairs(chosen[-1])
    return chosen


def named(answers: Answers) -> str:
    """A combination in short, as postgres-redis-kubernetes."""
    words = [str(value) for name, value in answers.items() if not isinstance(value, bool) and value != "none"]
    return "-".join([*words, *(name for name, value in answers.items() if value is True)]) or "none"
