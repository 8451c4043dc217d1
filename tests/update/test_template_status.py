"""Where a service stands against its template is told without changing anything."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.template.status import Status, read_template_status
from service_tasks.engine.template.versions import changes_between, lower, newest_release

from ..support.service import Service
from ..support.template_versions import Template, replace
from .updating import Garage, Subject

SINCE_THE_FIRST = [
    "kind",
    "cache",
    "events",
    "reconciler",
    "guard",
    "rules_source",
    "auth",
    "tracing",
    "plugins",
    "jobs",
    "runtime",
    "kubernetes",
]
"""The questions that the first of the made-up releases did not ask yet."""


def status(orders: Subject) -> Status:
    """The status of a service, which is not changed by looking."""
    before = orders.state()
    found = read_template_status(orders.folder, "orders")
    assert orders.state() == before
    return found


def test_an_untouched_service_differs_in_nothing(garage: Garage) -> None:
    found = status(garage.service("v1.3.0"))

    assert found.differs == {"managed": [], "seeded": []}
    assert found.questions == {"new": [], "gone": [], "changed": []}
    assert (found.version, found.newest, found.behind, found.clean) == ("v1.3.0", "v1.3.0", False, True)


def test_files_that_differ_are_listed_by_owner(garage: Garage) -> None:
    orders = garage.service("v1.1.0")
    orders.edit("Dockerfile", "EXPOSE", "EXPOSE 9999\nEXPOSE")
    orders.path("inv").unlink()
    orders.edit("internal/order/handler.go", "package order", "package order // mine")
    compose = orders.path("docker-compose.yml")
    compose.write_bytes(compose.read_bytes().replace(b"\n", b"\r\n"))
    orders.write("notes.txt", "mine\n")

    found = status(orders)

    assert found.differs == {"managed": ["Dockerfile", "inv"], "seeded": ["internal/order/handler.go"]}
    assert not found.clean
    assert (found.newest, found.behind) == ("v1.3.0", True)


def test_tasks_that_somebody_edited_are_named_file_by_file(garage: Garage) -> None:
    orders = garage.service("v1.3.0")
    orders.edit("tasks/env.py", '"""Tasks on', '"""My tasks on')
    orders.edit("tasks/engine/core/errors.py", "code = 1", "code = 9")
    orders.path("tasks/README.md").unlink()
    orders.write("tasks/mine.py", "")
    orders.write("tasks/engine/core/own.py", "")
    orders.write("tasks/__pycache__/mine.pyc", "")
    edited = [
        "tasks/README.md",
        "tasks/engine/core/errors.py",
        "tasks/engine/core/own.py",
        "tasks/env.py",
        "tasks/mine.py",
    ]

    assert status(orders).differs["managed"] == edited
    orders.commit()
    assert status(orders).differs["managed"] == edited


def test_questions_that_are_new_gone_or_changed_are_listed(template_versions: Template, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        replace("copier.yml", "^license:\n", "terms:\n")(folder)
        replace("copier.yml", "    Apache 2.0: apache-2.0\n", "")(folder)
        replace("copier.yml", "^  default: 8080$", "  default: 8000")(folder)
        replace("copier.yml", "^  help: The Go release.*$", "  help: Which Go builds it.")(folder)

    template = template_versions.copy(tmp_path / "copier-gin").release("v1.4.0", change)
    orders = Subject(template.service(tmp_path / "orders", "v1.3.0", database="none"))

    assert status(orders).questions == {"new": ["terms"], "gone": ["license"], "changed": ["http_port"]}


def test_a_value_that_became_a_question_is_a_new_one(garage: Garage) -> None:
    assert status(garage.service("v1.0.0")).questions["new"] == SINCE_THE_FIRST


def test_a_template_that_cannot_be_reached_is_told(garage: Garage, template_versions: Template) -> None:
    orders = garage.service("v1.0.0")
    orders.edit(".copier-answers.yml", str(template_versions.folder), "/nowhere/copier-gin")

    found = status(orders)

    assert (found.reachable, found.newest, found.behind) == (False, "", False)
    assert "/nowhere/copier-gin" in found.error


def test_a_relative_address_is_explained(garage: Garage, template_versions: Template) -> None:
    orders = garage.service("v1.0.0")
    orders.edit(".copier-answers.yml", str(template_versions.folder), "../copier-gin")

    with pytest.raises(UsageFault, match="relative to the folder where `copier copy` was called"):
        read_template_status(orders.folder, "orders")


def invoke(orders: Subject, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a task of the service itself."""
    return Service(orders.folder, orders.folder.parent / "state").invoke(*words)


def test_the_task_prints_one_document(garage: Garage) -> None:
    orders = garage.service("v1.0.0")

    done = invoke(orders, "template.status", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "service": "orders",
        "source": str(garage.template.folder),
        "reachable": True,
        "version": "v1.0.0",
        "newest": "v1.3.0",
        "clean": True,
        "unfinished": [],
        "answers_edited": False,
        "differs": {"managed": [], "seeded": []},
        "questions": {
            "new": SINCE_THE_FIRST,
            "gone": [],
            "changed": ["database", "ci"],
        },
        "behind": True,
    }


def test_the_task_ends_with_3_where_the_template_cannot_be_reached(garage: Garage, template_versions: Template) -> None:
    orders = garage.service("v1.0.0")
    orders.edit(".copier-answers.yml", str(template_versions.folder), "/nowhere/copier-gin")

    done = invoke(orders, "template.status")

    assert done.returncode == 3
    assert "cannot be told" in done.stdout
    assert "the template cannot be reached" in done.stderr


# --- Versions -------------------------------------------------------------------------------------

IN_ORDER = [
    *("v0.0.0-20230129092748-24d4a6f8daec", "v0.0.0-20240606120523-5a60cdf6a761", "v0.9.0", "v1.0.0-alpha.2"),
    *("v1.0.0-alpha.10", "v1.0.0-beta", "v1.0.0rc1", "v1.0.0rc2", "1.0.0", "v1.0.1", "v1.2.0", "v1.10.0", "v2.0.0"),
]


def test_versions_are_ordered_by_number_with_candidates_first() -> None:
    pairs = [(one, two) for position, one in enumerate(IN_ORDER) for two in IN_ORDER[position + 1 :]]

    assert [pair for pair in pairs if not lower(*pair) or lower(pair[1], pair[0])] == []


@pytest.mark.parametrize("text", ["", "main", "055ac4d", "v1.0.0-3-g055ac4d"])
def test_what_is_no_version_comes_neither_before_nor_after(text: str) -> None:
    assert not lower(text, "v1.0.0")
    assert not lower("v1.0.0", text)


def test_the_newest_release_is_no_candidate() -> None:
    assert newest_release(["v1.9.0", "v1.10.0", "v2.0.0rc1", "nightly"]) == "v1.10.0"
    assert newest_release(["nightly"]) == ""


LOG = "# Changelog\n\n## [Unreleased]\n\nSoon.\n\n## [1.1.0] - 2026-01-01\n\nOne.\n\n## [1.0.0]\n\nNought.\n"


@pytest.mark.parametrize(
    ("former", "newer", "expected"),
    [
        ("v1.0.0", "v1.1.0", "## [1.1.0] - 2026-01-01\n\nOne."),
        ("v1.0.0", "v1.0.0", ""),
        ("v1.1.0", "055ac4d", "## [Unreleased]\n\nSoon."),
        ("055ac4d", "v1.0.0", "## [1.0.0]\n\nNought."),
    ],
)
def test_the_changelog_is_cut_to_what_is_new(former: str, newer: str, expected: str) -> None:
    assert changes_between(LOG, former, newer) == expected


def test_a_changelog_without_releases_gives_nothing() -> None:
    assert changes_between("", "v1.0.0", "v1.1.0") == ""
    assert changes_between("# Changelog\n\n## [Unreleased]\n\nSoon.\n", "v1.0.0", "v1.1.0") == ""
