"""Updates across what says which files an option has: names of paths before, a list since, and questions to come."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from service_tasks.engine.template.ownership import MANAGED, read_ownership

from ..support.sampling import some_of
from ..support.service import ROOT, git
from ..support.template_versions import VERSIONS
from .updating import ANSWERS, Garage, Subject

pytestmark = pytest.mark.slow

NAMES, LIST = "v1.1.0", "v1.2.0"
"""The last of the made-up releases with conditions in names, and the first with the list."""

NEWEST = VERSIONS[-1]
OWNERSHIP = read_ownership(ROOT / "template")
SWITCHES = [
    ("postgres", "postgres"),
    ("postgres", "none"),
    ("sqlite", "postgres"),
    ("none", "sqlite"),
    ("postgres", "mysql"),
]
OPTIONS = [
    ("kubernetes", True, "false"),
    ("cache", "redis", "none"),
    ("events", "kafka", "none"),
    ("reconciler", "log", "none"),
    ("guard", "rules", "none"),
    ("auth", "jwt", "none"),
    ("tracing", "otlp", "none"),
    ("plugins", "wasm", "none"),
    ("jobs", "scheduled", "none"),
]
"""Options that are off at first, with the answers that switch them on and off."""
ORDINARY = [each for each in OPTIONS if each[0] in ("kubernetes", "reconciler", "auth")]
"""Those that an ordinary run switches: with a container, with one that needs another, with neither."""
WITH_DATABASE = {**ANSWERS, "database": "postgres"}
"""What the options need."""
WITH_CACHE = {"reconciler": {"cache": "redis"}}
"""What one of them needs beside that."""


def copier_update(orders: Subject, **answers: str) -> None:
    """Update by Copier alone, as somebody does who does not know of the tasks."""
    from copier import run_update

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_update(str(orders.folder), data=answers, defaults=True, overwrite=True, quiet=True)


def test_names_held_the_conditions_before_the_list(garage: Garage) -> None:
    folder = garage.template.folder
    paths = {version: git(folder, "ls-tree", "-r", "--name-only", version, "template/") for version in (NAMES, LIST)}

    assert ["{%" in paths[version] for version in (NAMES, LIST)] == [True, False]
    assert ["/.github" in git(folder, "show", f"{version}:copier.yml") for version in (NAMES, LIST)] == [False, True]


@pytest.mark.parametrize("version", some_of([NAMES, LIST], [LIST]))
@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_copier_alone_brings_the_files_of_the_answers(garage: Garage, version: str, before: str, after: str) -> None:
    orders = garage.service(version, database=before, ci="github")
    former, fresh = orders.everything(), garage.fresh(NEWEST, database=after, ci="none")

    copier_update(orders, database=after, ci="none")

    expected = {path: content for path, content in fresh.items() if OWNERSHIP.owner(path) == MANAGED}
    expected |= {path: content for path, content in former.items() if OWNERSHIP.owner(path) != MANAGED}
    assert differences(orders.everything(), expected) == []


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("version", some_of([NAMES, LIST], [LIST]))
@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_the_task_brings_the_files_of_the_answers(garage: Garage, version: str, before: str, after: str) -> None:
    orders = garage.service(version, database=before, license="mit", ci="none")
    fresh = garage.fresh(NEWEST, database=after, license="none", ci="github")

    report = orders.update(database=after, license="none", ci="github")

    assert (report.code, report.conflicts) == (0, {})
    unlike = differences(orders.everything(), fresh)
    assert [path for path in unlike if OWNERSHIP.owner(path) == MANAGED] == []
    assert orders.everything().keys() == fresh.keys()


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("version", [*(pytest.param(each, marks=pytest.mark.full) for each in (NAMES, LIST)), NEWEST])
@pytest.mark.parametrize("switch", some_of(OPTIONS, ORDINARY), ids=lambda switch: switch[0])
def test_the_task_brings_what_an_option_adds(garage: Garage, version: str, switch: tuple[str, Any, str]) -> None:
    option, on, _ = switch
    needed = WITH_CACHE.get(option, {})
    orders = garage.service(version, **WITH_DATABASE)
    fresh = garage.fresh(NEWEST, **{**WITH_DATABASE, **needed, option: on})

    report = orders.update(**needed, **{option: str(on).lower()})

    assert (report.code, report.conflicts) == (0, {})
    assert [path for path in differences(orders.everything(), fresh) if OWNERSHIP.owner(path) == MANAGED] == []
    assert orders.everything().keys() == fresh.keys()


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("update", [lambda orders: copier_update(orders), lambda orders: orders.update()])
def test_what_new_services_have_by_default_comes_to_no_other_one(
    garage: Garage, update: Callable[[Subject], object]
) -> None:
    orders = garage.service("v1.3.0", kind="standard")

    update(orders)

    assert "guard: none" in orders.text(".copier-answers.yml")
    assert not orders.path("configs").exists()


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("switch", some_of(OPTIONS, ORDINARY), ids=lambda switch: switch[0])
def test_the_task_removes_what_an_option_added(garage: Garage, switch: tuple[str, Any, str]) -> None:
    option, on, off = switch
    needed = WITH_CACHE.get(option, {})
    orders = garage.service(NEWEST, **{**WITH_DATABASE, **needed, option: on})
    fresh = garage.fresh(NEWEST, **WITH_DATABASE, **needed)

    report = orders.update(**{option: off})

    assert (report.code, report.conflicts) == (0, {})
    assert [path for path in differences(orders.everything(), fresh) if OWNERSHIP.owner(path) == MANAGED] == []
    assert orders.everything().keys() == fresh.keys()


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize(("before", "after"), [("github", "gitlab"), ("gitlab", "forgejo"), ("forgejo", "github")])
def test_the_task_moves_a_service_from_one_place_of_pipelines_to_another(
    garage: Garage, before: str, after: str
) -> None:
    orders = garage.service(NEWEST, **ANSWERS, ci=before, kubernetes=True)
    fresh = garage.fresh(NEWEST, **ANSWERS, ci=after, kubernetes=True)

    report = orders.update(ci=after)

    assert (report.code, report.conflicts) == (0, {})
    assert [path for path in differences(orders.everything(), fresh) if OWNERSHIP.owner(path) == MANAGED] == []


@pytest.mark.usefixtures("unproved")
def test_an_own_change_to_a_workflow_is_not_lost_where_the_file_goes(garage: Garage) -> None:
    orders = garage.service(NEWEST, **ANSWERS, ci="github")
    orders.edit(".github/workflows/ci.yml", "timeout-minutes: 30", "timeout-minutes: 45")
    orders.commit()

    report = orders.update(ci="gitlab")

    assert ".github/workflows/ci.yml" in report.conflicts
    assert orders.path(".gitlab-ci.yml").exists()
    assert "timeout-minutes: 45" in orders.text(".github/workflows/ci.yml")


@pytest.mark.parametrize("version", [NAMES, LIST, NEWEST])
@pytest.mark.parametrize("kind", ["", "everything"])
def test_a_service_keeps_its_answers_whatever_its_kind_is(garage: Garage, version: str, kind: str) -> None:
    orders = garage.service(version, database="sqlite", ci="none")
    before = yaml.safe_load(orders.text(".copier-answers.yml"))

    copier_update(orders, **({"kind": kind} if kind else {}))

    after = yaml.safe_load(orders.text(".copier-answers.yml"))
    assert {name: after[name] for name in before if name not in ("_commit", "kind")} == {
        name: answer for name, answer in before.items() if name not in ("_commit", "kind")
    }
    assert after["kind"] == (kind or "standard")
    assert after["kubernetes"] == (kind == "everything" and version != NEWEST), "only what was not asked yet"


def differences(one: dict[str, bytes], two: dict[str, bytes]) -> list[str]:
    """The paths that are not the same in both."""
    return sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))


# --- A question to come ---------------------------------------------------------------------------

QUESTION = """
mascot:
  type: str
  default: {default}
  help: Who greets whoever asks for nothing.
  choices:
    Nobody: none
    A gopher: gopher
"""
BLOCK = """_exclude:
  - |
    {{% if (mascot | default('{before}')) == 'none' %}}
    {path}
    {{% endif %}}
"""


def ask_for_a_mascot(template: Path, path: str, default: str, before: str) -> None:
    """Add a question that brings a path; `before` is the answer that tells what earlier releases did."""
    settings = template / "copier.yml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("_exclude:\n", BLOCK.format(before=before, path=path)) + QUESTION.format(default=default)
    settings.write_text(text, encoding="utf-8")
    if not (template / f"template{path}").exists():
        (template / f"template{path}").mkdir()
        (template / f"template{path}" / "mascot.go").write_text("package mascot\n", encoding="utf-8")


@pytest.mark.parametrize("answers", [{}, {"mascot": "gopher"}], ids=["not asked for", "asked for"])
@pytest.mark.parametrize("version", [NAMES, NEWEST])
def test_a_new_option_comes_to_who_asks_for_it(
    garage: Garage, tmp_path: Path, version: str, answers: dict[str, str]
) -> None:
    template = garage.template.copy(tmp_path / "template")
    template.release("v1.4.0", lambda folder: ask_for_a_mascot(folder, "/internal/platform/mascot", "none", "none"))
    orders = Subject(template.service(tmp_path / "orders", version, **ANSWERS))

    copier_update(orders, **answers)

    assert orders.path("internal/platform/mascot/mascot.go").exists() == bool(answers)
    assert orders.path("internal/platform/mascot").exists() == bool(answers)


@pytest.mark.parametrize("answers", [{}, {"mascot": "none"}], ids=["kept", "given up"])
def test_what_was_always_there_stays_for_who_does_not_give_it_up(
    garage: Garage, tmp_path: Path, answers: dict[str, str]
) -> None:
    template = garage.template.copy(tmp_path / "template")
    template.release("v1.4.0", lambda folder: ask_for_a_mascot(folder, "/inv", "gopher", "gopher"))
    orders = Subject(template.service(tmp_path / "orders", NEWEST, **ANSWERS))
    wrapper = orders.path("inv").read_bytes()

    copier_update(orders, **answers)

    assert orders.everything().get("inv") == (None if answers else wrapper)
