"""The combinations of answers that a service's Go code is tested with: generated from the questions, not picked."""

from __future__ import annotations

from collections import OrderedDict
from itertools import product
from typing import Any

from allpairspy import AllPairs  # type: ignore[import-untyped]
from jinja2 import UndefinedError

from ..support.options import JINJA, read_choices, read_settings
from ..support.service import ROOT

Answers = dict[str, Any]
GO = ("database", "cache", "jobs", "kubernetes")
"""The questions whose answers change the Go code."""
CHOICES: OrderedDict[str, list[Any]] = OrderedDict((name, read_choices(ROOT)[name]) for name in GO)
VALIDATORS = {
    name: JINJA.from_string(question["validator"])
    for name, question in read_settings(ROOT).items()
    if name in GO and "validator" in question
}


def supported(answers: Answers) -> bool:
    """Whether no question refuses its answer beside the others; what is not answered yet refuses nothing."""
    for name, validator in VALIDATORS.items():
        try:
            if name in answers and validator.render(answers).strip():
                return False
        except UndefinedError:
            continue
    return True


def every() -> list[Answers]:
    """All supported combinations."""
    found = (dict(zip(GO, values, strict=True)) for values in product(*CHOICES.values()))
    return [answers for answers in found if supported(answers)]


def pairwise() -> list[Answers]:
    """Some in which each supported pair of answers to two questions stands at least once."""
    rows = AllPairs(CHOICES, filter_func=lambda values: supported(dict(zip(GO, values, strict=False))))
    return [row._asdict() for row in rows]


def named(answers: Answers) -> str:
    """A combination in short, as postgres-redis-kubernetes."""
    words = [str(value) for name, value in answers.items() if not isinstance(value, bool) and value != "none"]
    return "-".join([*words, *(name for name, value in answers.items() if value is True)]) or "none"
