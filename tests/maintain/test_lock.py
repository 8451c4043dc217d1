"""The locked modules are computed: from what Go says of each choice, and from nothing that somebody typed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from maintain.lock import FILES, databases, lock, merge
from service_tasks.engine.build.toolchain import find_go

from ..support.options import as_written, read_blocks, within
from ..support.service import ROOT

CONDITION = re.compile(r"\{%-? (?:if|elif) (.*?) -?%\}")
NAME = re.compile(r"\b([a-z_]+)\b(?!')")
WORDS = {"and", "or", "not", "in", "is", "none"}

COMMON, ONE, TWO = "common\n", "for one\n", "for two\n"


def test_a_line_of_all_choices_has_no_condition() -> None:
    assert merge({"a": [COMMON], "b": [COMMON], "c": [COMMON]}) == COMMON


def test_a_line_of_one_choice_is_there_for_that_choice() -> None:
    text = merge({"a": [COMMON, ONE], "b": [COMMON], "c": [COMMON]})

    assert text == f"{COMMON}{{% if database == 'a' %}}\n{ONE}{{% endif %}}\n"


def test_a_line_that_one_choice_lacks_is_there_for_the_others() -> None:
    text = merge({"a": [COMMON, TWO], "b": [COMMON, TWO], "c": [COMMON]})

    assert text == f"{COMMON}{{% if database != 'c' %}}\n{TWO}{{% endif %}}\n"


def test_versions_that_differ_between_choices_stay_apart() -> None:
    text = merge({"a": ["m v1\n"], "b": ["m v2\n"], "c": ["m v2\n"]})

    assert text == "{% if database == 'a' %}\nm v1\n{% endif %}\n{% if database != 'a' %}\nm v2\n{% endif %}\n"


@pytest.mark.slow
@pytest.mark.skipif(not find_go(), reason="there is no Go here")
def test_what_is_locked_is_what_go_computes_for_every_choice(tmp_path: Path) -> None:
    (tmp_path / "template").mkdir()
    shutil.copy(ROOT / "copier.yml", tmp_path)
    locked = {f"template/{name}.jinja": (ROOT / "template" / f"{name}.jinja").read_text() for name in FILES}

    report = lock(tmp_path)

    assert set(report.changed) == set(locked)
    assert {name: (tmp_path / name).read_text() for name in locked} == locked


def test_no_other_question_than_that_of_the_database_changes_what_go_imports() -> None:
    sources = [path for folder in ("template", "includes") for path in (ROOT / folder).rglob("*.go*")]
    conditions = [found for path in sources for found in CONDITION.findall(path.read_text())]
    written = [as_written(path, ROOT / "template") for path in sources if path.is_relative_to(ROOT / "template")]
    named = [entry for block in read_blocks(ROOT) for entry in block.conditions()]
    conditions += [condition for condition, name in named if any(within(path, [name]) for path in written)]
    assert {word for text in conditions for word in NAME.findall(text)} - WORDS == {"database"}
    assert len(databases(ROOT)) == 3
