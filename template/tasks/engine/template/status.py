"""Where a service stands against its template, without changing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..core.errors import MissingFault
from .addresses import masked
from .origin import ANSWERS, Template, clone_template, read_answers
from .ownership import MANAGED, OWNED, SEEDED, read_ownership
from .record import Checkout
from .repository import shown

TASKS = "tasks/"
MEANING = ("type", "choices", "multiselect", "default")
"""What makes an answer mean something else when it changes."""


@dataclass
class Status:
    """The state; `reachable` says whether the template could be read, without which the rest is not known.

    `unfinished` lists the files that an update, which ended half-way, did not get to.
    """

    service: str
    source: str
    version: str
    clean: bool
    unfinished: list[str]
    answers_edited: bool
    reachable: bool = True
    newest: str = ""
    behind: bool = False
    differs: dict[str, list[str]] = field(default_factory=lambda: {MANAGED: [], SEEDED: []})
    questions: dict[str, list[str]] = field(default_factory=lambda: {"new": [], "gone": [], "changed": []})
    error: str = ""

    def document(self) -> dict[str, Any]:
        """The JSON document of `template.status`."""
        before = ("service", "source", "reachable", "version", "newest", "clean", "unfinished", "answers_edited")
        return {name: getattr(self, name) for name in (*before, "differs", "questions", "behind")}


def read_template_status(root: Path, service: str) -> Status:
    """Compare a service with its template.

    Raises UsageFault where there is no record of the template, or where its address is relative.
    """
    answers, checkout = read_answers(root), Checkout(root)
    clean = bool(checkout.head()) and not checkout.dirty() and not checkout.hidden()
    unfinished = [shown(path) for path in checkout.half_done()]
    status = Status(service, masked(answers.source), answers.version, clean, unfinished, answers.edited)
    with TemporaryDirectory(prefix="template-") as scratch:
        try:
            template = clone_template(root, answers.source, Path(scratch))
        except MissingFault as fault:
            status.reachable, status.error = False, str(fault)
            return status
        status.newest = template.newest()
        status.behind = template.is_newer(answers.version, status.newest)
        status.differs = _differs(checkout, template.render(answers.version, answers.given))
        status.questions = _questions(template, answers.version, status.newest)
    return status


def _differs(checkout: Checkout, rendered: Path) -> dict[str, list[str]]:
    """The files that are not as the template has them, line ends apart, by owner; missing ones too, and in the folder
    of the tasks, which is the template's as a whole, those that it does not have."""
    ownership = read_ownership(rendered)
    found: dict[str, list[str]] = {MANAGED: [], SEEDED: [], OWNED: []}
    names = {path.relative_to(rendered).as_posix() for path in rendered.rglob("*") if path.is_file()}
    for name in sorted({*names, *checkout.files(TASKS)} - {ANSWERS}):
        if _text(rendered / name) != _text(checkout.root / name):
            found[ownership.owner(name)].append(shown(name))
    return {kind: found[kind] for kind in (MANAGED, SEEDED)}


def _questions(template: Template, here: str, there: str) -> dict[str, list[str]]:
    one, two = template.questions(here), template.questions(there)
    return {
        "new": [name for name in two if name not in one],
        "gone": [name for name in one if name not in two],
        "changed": [name for name in two if name in one and _meaning(one[name]) != _meaning(two[name])],
    }


def _meaning(question: Mapping[str, Any]) -> list[Any]:
    return [question.get(key) for key in MEANING]


def _text(path: Path) -> bytes | None:
    return path.read_bytes().replace(b"\r\n", b"\n") if path.is_file() else None
