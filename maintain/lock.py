"""Pin the Go modules of the generated service: one go.mod and one go.sum for every choice that changes what Go imports.

Each choice is rendered and tidied by Go itself; a line that is not in all of them gets a condition.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import combinations, groupby, product
from pathlib import Path

import yaml

from service_tasks.engine.template.modules import requirements

from .go_sources import GoSources
from .rendering import example_answers

FILES = ("go.mod", "go.sum")
MODULES = "includes/modules.txt"
"""The names of all modules, which none of a service may have."""
QUESTIONS = ("database", "cache", "events", "reconciler", "guard", "rules_source", "auth", "tracing", "plugins", "jobs")
"""Those whose answers change what Go imports."""
CONDITIONS = ("database", "cache", "events", "changes", "rules_from", "auth", "tracing", "plugins", "jobs")
"""What conditions are about: in the place of some answers is what follows from them."""

Choice = tuple[str, ...]
"""An answer to each of QUESTIONS, or of CONDITIONS."""

_MODULE = "example.com/locked/service"
_REPEATED = "\x00"  # marks a line that stands in its file more than once


@dataclass(frozen=True)
class Report:
    """What `lock` did.

    `changed` names the template files that have new content, `skipped` the modules that could not be upgraded, each
    with the reason that Go gave.
    """

    changed: tuple[str, ...]
    skipped: Mapping[str, str]


def lock(root: Path, *, upgrade: bool = False) -> Report:
    """Write template/go.mod.jinja and template/go.sum.jinja under `root`; with `upgrade` take the newest versions.

    Raises `subprocess.CalledProcessError`, whose stderr says why, where Go cannot tidy a choice.
    """
    skipped: dict[str, str] = {}
    variants: dict[Choice, dict[str, list[str]]] = {}
    sources = GoSources(root)
    with tempfile.TemporaryDirectory(prefix="lock-") as scratch:
        for choice in choices(root):
            service = Path(scratch, "-".join(choice))
            own = dict(zip(QUESTIONS, choice, strict=True))
            answers = sources.answers({**example_answers(), **own, "module_path": _MODULE})
            if answers is None:
                continue
            told = tuple(answers[name] for name in CONDITIONS)
            if told in variants:
                continue
            sources.write(service, answers)
            _go(service, "mod", "tidy")
            if upgrade:
                skipped |= _upgrade(service)
            variants[told] = {name: _lines(service / name) for name in FILES}

    written = {
        f"template/{name}.jinja": _parametrised(merge({key: files[name] for key, files in variants.items()}), name)
        for name in FILES
    }
    written[MODULES] = "".join(f"{name}\n" for name in sorted(requirements(written["template/go.mod.jinja"])))
    return Report(tuple(name for name, content in written.items() if _renewed(root / name, content)), skipped)


def choices(root: Path) -> list[Choice]:
    """Return every combination of answers to QUESTIONS in copier.yml."""
    questions = yaml.safe_load((root / "copier.yml").read_text())
    return list(product(*(questions[question]["choices"].values() for question in QUESTIONS)))


def _renewed(path: Path, content: str) -> bool:
    """Whether a file was not yet what it is now."""
    if path.exists() and path.read_text() == content:
        return False
    path.write_text(content)
    return True


def merge(variants: Mapping[Choice, list[str]]) -> str:
    """Return the lines of all variants in one text: a line that some variants lack stands under a condition.

    The variants must have their common lines in the same order, as sorted files have.
    """
    owners: dict[str, list[Choice]] = {}
    order: TopologicalSorter[str] = TopologicalSorter()
    for variant, lines in variants.items():
        for line, before in zip(lines, [None, *lines], strict=False):
            owners.setdefault(line, []).append(variant)
            order.add(line, *([] if before is None else [before]))
    together = groupby(_alphabetical(order), key=owners.__getitem__)
    return "".join(_under_conditions(list(lines), group, list(variants)) for group, lines in together)


def _alphabetical(order: TopologicalSorter[str]) -> Iterator[str]:
    """Yield the lines in an order that holds for every variant, where it leaves a choice the smallest first."""
    order.prepare()
    ready = list(order.get_ready())
    while ready:
        line = min(ready)
        yield line
        order.done(line)
        ready = [other for other in ready if other != line] + list(order.get_ready())


def _under_conditions(lines: list[str], owners: list[Choice], variants: list[Choice]) -> str:
    """Some lines as the owners alone get them; no condition is about two questions."""
    conditions = _conditions(owners, variants)
    if conditions is None:  # those with each answer to one question get the lines by a condition of their own
        places = [place for place in range(len(owners[0])) if len({owner[place] for owner in owners}) > 1]
        parts = min((_by_answer(owners, place) for place in reversed(places)), key=lambda each: _undone(each, variants))
        return "".join(_under_conditions(lines, part, variants) for part in parts)
    opened = "".join(f"{{% if {condition} %}}\n" for condition in conditions)
    return opened + "".join(lines) + "{% endif %}\n" * len(conditions)


def _by_answer(owners: list[Choice], place: int) -> list[list[Choice]]:
    """The owners in parts, one for each of their answers to a question."""
    answers = dict.fromkeys(owner[place] for owner in owners)
    return [[owner for owner in owners if owner[place] == answer] for answer in answers]


def _undone(parts: list[list[Choice]], variants: list[Choice]) -> tuple[int, int]:
    """How many parts would have to be divided further, and how many there are: the fewer, the better."""
    return sum(_conditions(part, variants) is None for part in parts), len(parts)


def _conditions(owners: list[Choice], variants: list[Choice]) -> list[str] | None:
    """The fewest conditions that all hold for the owners and nobody else, one a question; None without such."""
    answers = [{owner[place] for owner in owners} for place in range(len(owners[0]))]
    for number in range(len(answers) + 1):
        for places in combinations(range(len(answers)), number):
            if [each for each in variants if all(each[place] in answers[place] for place in places)] == owners:
                return [_condition(place, answers[place], variants) for place in places]
    return None


def _condition(place: int, answers: set[str], variants: list[Choice]) -> str:
    known = list(dict.fromkeys(variant[place] for variant in variants))
    others = [answer for answer in known if answer not in answers]
    if len(answers) == 1:
        return f"{CONDITIONS[place]} == '{next(iter(answers))}'"
    if len(others) == 1:
        return f"{CONDITIONS[place]} != '{others[0]}'"
    return f"{CONDITIONS[place]} in {[answer for answer in known if answer in answers]}"


def _lines(file: Path) -> list[str]:
    """Return the lines of a file, each different from the others: those of go.mod's blocks get their block's number.

    Only blank lines, brackets and `require (` repeat, and they do so in every variant in the same order.
    """
    seen: dict[str, int] = {}
    lines = []
    for line in file.read_text().splitlines(keepends=True):
        count = seen[line] = seen.get(line, 0) + 1
        lines.append(line if count == 1 else f"{_REPEATED * (count - 1)}{line}")
    return lines


def _parametrised(text: str, name: str) -> str:
    """Put the template's variables in the place of the values that the rendering had."""
    text = text.replace(_REPEATED, "")
    if name != "go.mod":
        return text
    lines = text.splitlines(keepends=True)
    return "".join(
        "module {{ module_path }}\n"
        if line == f"module {_MODULE}\n"
        else "go {{ go_version }}.0\n"
        if line.startswith("go ")
        else line
        for line in lines
    )


def _upgrade(service: Path) -> dict[str, str]:
    """Raise the direct modules to the newest versions; return those that failed, with the reason."""
    failed: dict[str, str] = {}
    direct = "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}"
    for module in _go(service, "list", "-m", "-f", direct, "all").split():
        for options in (["-u"], []):  # with the modules that it needs, or at least itself
            try:
                _go(service, "get", *options, f"{module}@latest")
                failed.pop(module, None)
                break
            except subprocess.CalledProcessError as error:
                failed[module] = (error.stderr or "").strip().splitlines()[-1]
    _go(service, "mod", "tidy")
    return failed


def _go(service: Path, *arguments: str) -> str:
    """Run Go in a service and return its standard output."""
    done = subprocess.run(
        ["go", *arguments],
        cwd=service,
        env=os.environ | {"GOTOOLCHAIN": "local", "GOWORK": "off"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
