"""The locked modules are computed: from what Go says of each choice, and from nothing that somebody typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maintain.lock import CONDITIONS, MODULES, choices, lock, merge
from maintain.rendering import example_answers, render
from service_tasks.engine.build.toolchain import find_go
from service_tasks.engine.template.modules import requirements

from ..support.options import as_written, read_blocks, within
from ..support.service import ROOT
from ..support.template_versions import plain_copy

CONDITION = re.compile(r"\{%-? (?:if|elif) (.*?) -?%\}")
NAME = re.compile(r"\b([a-z_]+)\b(?!')")
WORDS = {"and", "or", "not", "in", "is", "none", "default", "false"}
OF_OUR_OWN = {"kubernetes", "reconciler", "guard"}
"""Questions that change Go files, and import nothing that what follows from them does not."""
OF_OTHERS = re.compile(r'^\s*(?:import )?(?:\w+ )?"([a-z0-9-]+\.[^"]+)"$', re.MULTILINE)

COMMON, ONE, TWO = "common\n", "for one\n", "for two\n"
A, B, C, A_CACHED, B_CACHED = ("a", "none"), ("b", "none"), ("c", "none"), ("a", "redis"), ("b", "redis")


def test_a_line_of_all_choices_has_no_condition() -> None:
    assert merge({A: [COMMON], B: [COMMON], C: [COMMON]}) == COMMON


def test_a_line_of_one_answer_is_there_for_that_answer() -> None:
    text = merge({A: [COMMON, ONE], A_CACHED: [COMMON, ONE], B: [COMMON], C: [COMMON]})

    assert text == f"{COMMON}{{% if database == 'a' %}}\n{ONE}{{% endif %}}\n"


def test_a_line_that_one_answer_lacks_is_there_for_the_others() -> None:
    text = merge({A: [COMMON, TWO], B: [COMMON, TWO], C: [COMMON]})

    assert text == f"{COMMON}{{% if database != 'c' %}}\n{TWO}{{% endif %}}\n"


def test_a_line_of_either_question_is_there_by_a_condition_about_each() -> None:
    text = merge({A: [COMMON], A_CACHED: [COMMON, ONE], B: [COMMON], B_CACHED: [COMMON, ONE], C: [COMMON, ONE]})

    first, second = (
        f"{{% if cache == 'redis' %}}\n{ONE}{{% endif %}}\n",
        f"{{% if database == 'c' %}}\n{ONE}{{% endif %}}\n",
    )
    assert text == COMMON + first + second


def test_a_line_of_one_pair_of_answers_is_there_for_the_pair() -> None:
    text = merge({A: [COMMON], A_CACHED: [COMMON, ONE], B: [COMMON], B_CACHED: [COMMON]})

    conditions = "{% if database == 'a' %}\n{% if cache == 'redis' %}\n"
    assert text == f"{COMMON}{conditions}{ONE}" + "{% endif %}\n" * 2


def test_versions_that_differ_between_choices_stay_apart() -> None:
    text = merge({A: ["m v1\n"], B: ["m v2\n"], C: ["m v2\n"]})

    assert text == "{% if database == 'a' %}\nm v1\n{% endif %}\n{% if database != 'a' %}\nm v2\n{% endif %}\n"


@pytest.mark.full
@pytest.mark.skipif(not find_go(), reason="there is no Go here")
def test_what_is_locked_is_what_go_computes_for_every_choice(tmp_path: Path) -> None:
    report = lock(plain_copy(tmp_path))

    assert report.changed == ()


def test_no_other_questions_change_what_go_imports() -> None:
    sources = [path for folder in ("template", "includes") for path in (ROOT / folder).rglob("*.go*")]
    conditions = [found for path in sources for found in CONDITION.findall(path.read_text())]
    written = [as_written(path, ROOT / "template") for path in sources if path.is_relative_to(ROOT / "template")]
    named = [entry for block in read_blocks(ROOT) for entry in block.conditions()]
    conditions += [condition for condition, name in named if any(within(path, [name]) for path in written)]
    assert {word for text in conditions for word in NAME.findall(text)} - WORDS == set(CONDITIONS) | OF_OUR_OWN
    assert len(choices(ROOT)) == 3072


def test_every_module_that_a_service_may_need_is_one_that_none_may_be() -> None:
    needed = requirements((ROOT / "template" / "go.mod.jinja").read_text())

    assert (ROOT / MODULES).read_text().splitlines() == sorted(needed)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["none", "postgres"])
def test_a_question_that_is_not_locked_leaves_what_go_imports_as_it_is(database: str, tmp_path: Path) -> None:
    imports = []
    for kubernetes in (True, False):
        service = tmp_path / str(kubernetes)
        answers = {
            **example_answers(),
            "database": database,
            "kubernetes": kubernetes,
            "module_path": "example.com/a/b",
        }
        render(service, answers)
        sources = "".join(path.read_text() for path in service.rglob("*.go"))
        imports.append({name for name in OF_OTHERS.findall(sources) if not name.startswith("example.com/a/b/")})
    assert "github.com/gin-gonic/gin" in imports[0]
    assert imports[0] == imports[1]
