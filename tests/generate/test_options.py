"""What is an option's own: copier.yml names its files, and without them a service is as if it had never been there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from maintain.rendering import example_answers

from ..support.options import answer_for_good, as_written, faults, read_blocks, read_choices, within
from ..support.service import ROOT
from ..support.template_versions import Template, plain_copy

BLOCKS = {question: block for block in read_blocks(ROOT) for question in block.questions}
CHOICES = read_choices(ROOT)
FULL = {name: min(CHOICES[name], key=lambda answer: len(block.paths({name: answer}))) for name, block in BLOCKS.items()}
"""To each question with files, the answer that brings most."""

REFUSED: dict[str, dict[str, Any]] = {
    "database": {"cache": "none", "events": "none", "reconciler": "none", "jobs": "none", "changes": "none"},
    "cache": {"reconciler": "none"},
    "events": {"reconciler": "none"},
    "changes": {"events": "none", "reconciler": "none"},
}
"""To a question of which some answers refuse other options: those are off."""

Entries = dict[str, bytes | None]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a plain folder; to be read only."""
    return plain_copy(tmp_path_factory.mktemp("template"))


@pytest.fixture
def own_template(template: Path, tmp_path: Path) -> Path:
    """The template in a folder of the test's own."""
    return shutil.copytree(template, tmp_path / "template", symlinks=True)


@pytest.fixture(scope="module")
def services(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Entries]:
    """What is in services with all options, but for the answers that are given."""
    known: dict[str, Entries] = {}

    def service(**answers: Any) -> Entries:
        key = repr(sorted({**FULL, **answers}.items()))
        if key not in known:
            known[key] = render(template, tmp_path_factory.mktemp("services") / "service", answers)
        return known[key]

    return service


def render(template: Path, folder: Path, answers: dict[str, Any]) -> Entries:
    """The folders, and the files with their bytes, of a service with all options but for these answers."""
    Template(template, ()).render(folder, "", {**example_answers(), **FULL, **answers})
    entries = {as_written(path, folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
    del entries["/.copier-answers.yml"]  # says where the template is
    return entries


def conditional(trees: list[Entries]) -> set[str]:
    """The paths that are in some services and not in all."""
    return set().union(*trees) - set(trees[0]).intersection(*trees)


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    """A change of a file, which has the old text."""

    def change(template: Path) -> None:
        text = (template / name).read_text(encoding="utf-8")
        assert old in text
        (template / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def move(name: str, other: str) -> Callable[[Path], object]:
    """Another name for a path of the template."""
    return lambda template: (template / "template" / name).rename(template / "template" / other)


# --- Names and blocks -----------------------------------------------------------------------------


def test_every_path_is_that_in_a_service_and_every_block_names_paths_of_one_question() -> None:
    assert len(BLOCKS) >= 3
    assert faults(ROOT) == []


CI_BLOCK = indent(BLOCKS["ci"].text, "    ")
"""A block as copier.yml has it."""
WRONG = {
    "a condition in a name": (
        move("inv", "{% if ci == 'github' %}inv{% endif %}"),
        "/{% if ci == 'github' %}inv{% endif %} is not a path in a service",
    ),
    "a value in a name": (
        move("edge", "{{ project_name }}-edge"),
        "/{{ project_name }}-edge is not a path in a service",
    ),
    "a path that is not there": (
        edit("copier.yml", "    /LICENSE\n", "    /LICENCE\n"),
        "/LICENCE is in a block and not in template/",
    ),
    "a file that is no longer there": (
        lambda template: (template / "template/internal/order/sqlite.go.jinja").unlink(),
        "/internal/order/sqlite.go is in a block and not in template/",
    ),
    "a name in the template": (
        edit("copier.yml", "    /LICENSE\n", "    /LICENSE.jinja\n"),
        "/LICENSE.jinja is in a block and not in template/",
    ),
    "a slash that leaves an empty folder": (
        edit("copier.yml", "    /migrations\n", "    /migrations/\n"),
        "/migrations/ is in a block and not in template/",
    ),
    "two questions": (
        edit("copier.yml", CI_BLOCK, CI_BLOCK.replace("ci !=", "database == 'none' and ci !=")),
        (
            "the blocks are about license, database, cache, events, reconciler, changes, guard, rules_from, "
            "auth, tracing, plugins, jobs, kubernetes, ci and database: not one for a question, or not in their order"
        ),
    ),
    "two blocks": (
        edit("copier.yml", CI_BLOCK, CI_BLOCK.replace("ci", "license")),
        (
            "the blocks are about license, database, cache, events, reconciler, changes, guard, rules_from, "
            "auth, tracing, plugins, jobs, kubernetes, license: not one for a question, or not in their order"
        ),
    ),
    "a new question without a default": (
        edit("copier.yml", CI_BLOCK, CI_BLOCK.replace("ci", "runtime")),
        "the block of runtime has no default for releases that did not ask it",
    ),
    "a new question that may not be defined": (
        edit("copier.yml", CI_BLOCK, CI_BLOCK.replace("ci", "runtime is defined and runtime")),
        "the block of runtime asks whether it is defined, and does not say what was before",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str, own_template: Path) -> None:
    change, expected = WRONG[name]
    change(own_template)

    assert expected in faults(own_template)


# --- What is rendered -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("question", CHOICES)
def test_the_paths_that_depend_on_a_question_are_those_of_its_block(
    services: Callable[..., Entries], question: str
) -> None:
    trees = [services(**REFUSED.get(question, {}), **{question: answer}) for answer in CHOICES[question]]
    named = [path for _, path in BLOCKS[question].conditions()] if question in BLOCKS else []

    found = conditional(trees)

    assert {path for path in found if not within(path, named)} == set(), "conditional, and in no block"
    assert set(named) - found == set(), "in a block, and not conditional"


@pytest.mark.parametrize(("question", "answer"), [(name, answer) for name in BLOCKS for answer in CHOICES[name]])
def test_a_service_is_as_if_no_other_answer_had_ever_been(
    services: Callable[..., Entries], own_template: Path, tmp_path: Path, question: str, answer: Any
) -> None:
    answer_for_good(own_template, question, answer)

    answers = {**REFUSED.get(question, {}), question: answer}
    alone = render(own_template, tmp_path / "service", answers)

    with_others = services(**answers)
    assert sorted(alone) == sorted(with_others)
    assert [path for path in alone if alone[path] != with_others[path]] == []


def test_a_condition_in_a_name_makes_a_path_depend_on_a_question(own_template: Path, tmp_path: Path) -> None:
    move("inv", "{% if ci == 'github' %}inv{% endif %}")(own_template)

    trees = [render(own_template, tmp_path / answer, {"ci": answer}) for answer in ("github", "none")]

    assert "/inv" in conditional(trees)


def test_a_slash_at_the_end_leaves_an_empty_folder_that_is_seen(
    services: Callable[..., Entries], own_template: Path, tmp_path: Path
) -> None:
    edit("copier.yml", "    /.github\n", "    /.github/\n")(own_template)

    entries = render(own_template, tmp_path / "service", {"ci": "none"})

    assert set(entries) - set(services(ci="none")) == {"/.github"}
