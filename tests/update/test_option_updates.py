"""Updates across what says which files an option has: names of paths before, a list since, and questions to come."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from service_tasks.engine.template.ownership import MANAGED, read_ownership

from ..support.service import ROOT, git
from ..support.template_versions import VERSIONS
from .updating import ANSWERS, Garage, Subject

pytestmark = pytest.mark.slow

NAMES, LIST = "v1.1.0", "v1.2.0"
"""The last of the made-up releases with conditions in names, and the first with the list."""

NEWEST = VERSIONS[-1]
OWNERSHIP = read_ownership(ROOT / "template")
SWITCHES = [("postgres", "postgres"), ("postgres", "none"), ("sqlite", "postgres"), ("none", "sqlite")]


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


@pytest.mark.parametrize("version", [NAMES, LIST])
@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_copier_alone_brings_the_files_of_the_answers(garage: Garage, version: str, before: str, after: str) -> None:
    orders = garage.service(version, database=before, ci="github")
    former, fresh = orders.everything(), garage.fresh(NEWEST, database=after, ci="none")

    copier_update(orders, database=after, ci="none")

    expected = {path: content for path, content in fresh.items() if OWNERSHIP.owner(path) == MANAGED}
    expected |= {path: content for path, content in former.items() if OWNERSHIP.owner(path) != MANAGED}
    assert differences(orders.everything(), expected) == []


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("version", [NAMES, LIST])
@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_the_task_brings_the_files_of_the_answers(garage: Garage, version: str, before: str, after: str) -> None:
    orders = garage.service(version, database=before, license="mit", ci="none")
    fresh = garage.fresh(NEWEST, database=after, license="none", ci="github")

    report = orders.update(database=after, license="none", ci="github")

    assert (report.code, report.conflicts) == (0, {})
    unlike = differences(orders.everything(), fresh)
    assert [path for path in unlike if OWNERSHIP.owner(path) == MANAGED] == []
    assert orders.everything().keys() == fresh.keys()


def differences(one: dict[str, bytes], two: dict[str, bytes]) -> list[str]:
    """The paths that are not the same in both."""
    return sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))


# --- A question to come ---------------------------------------------------------------------------

QUESTION = """
cache:
  type: str
  default: {default}
  help: Where answers are kept for a while.
  choices:
    Nowhere: none
    In the service itself: memory
"""
BLOCK = """_exclude:
  - |
    {{% if (cache | default('{before}')) == 'none' %}}
    {path}
    {{% endif %}}
"""


def ask_for_a_cache(template: Path, path: str, default: str, before: str) -> None:
    """Add a question that brings a path; `before` is the answer that tells what earlier releases did."""
    settings = template / "copier.yml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("_exclude:\n", BLOCK.format(before=before, path=path)) + QUESTION.format(default=default)
    settings.write_text(text, encoding="utf-8")
    if not (template / f"template{path}").exists():
        (template / f"template{path}").mkdir()
        (template / f"template{path}" / "cache.go").write_text("package cache\n", encoding="utf-8")


@pytest.mark.parametrize("answers", [{}, {"cache": "memory"}], ids=["not asked for", "asked for"])
@pytest.mark.parametrize("version", [NAMES, NEWEST])
def test_a_new_option_comes_to_who_asks_for_it(
    garage: Garage, tmp_path: Path, version: str, answers: dict[str, str]
) -> None:
    template = garage.template.copy(tmp_path / "template")
    template.release("v1.4.0", lambda folder: ask_for_a_cache(folder, "/internal/platform/cache", "none", "none"))
    orders = Subject(template.service(tmp_path / "orders", version, **ANSWERS))

    copier_update(orders, **answers)

    assert orders.path("internal/platform/cache/cache.go").exists() == bool(answers)
    assert orders.path("internal/platform/cache").exists() == bool(answers)


@pytest.mark.parametrize("answers", [{}, {"cache": "none"}], ids=["kept", "given up"])
def test_what_was_always_there_stays_for_who_does_not_give_it_up(
    garage: Garage, tmp_path: Path, answers: dict[str, str]
) -> None:
    template = garage.template.copy(tmp_path / "template")
    template.release("v1.4.0", lambda folder: ask_for_a_cache(folder, "/inv", "memory", "memory"))
    orders = Subject(template.service(tmp_path / "orders", NEWEST, **ANSWERS))
    wrapper = orders.path("inv").read_bytes()

    copier_update(orders, **answers)

    assert orders.everything().get("inv") == (None if answers else wrapper)
