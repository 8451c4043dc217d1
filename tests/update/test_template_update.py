"""What an update brings to a service: files, modules, variables, other answers; and what its task prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service_tasks.engine.template.report import UNCHANGED, UPDATED
from service_tasks.engine.template.update import Wanted

from ..support.service import ROOT, Service, git
from ..support.template_versions import DROPPED, RENAMED, Template, replace
from .updating import OWN_CODE, Garage, Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]

FORMER, NEWER = RENAMED


# --- What comes -----------------------------------------------------------------------------------


def test_an_untouched_service_becomes_what_a_fresh_copy_is_but_for_what_is_seeded(garage: Garage) -> None:
    for version in garage.template.earlier:
        orders = garage.service(version)

        report = orders.update()

        assert (report.outcome, report.code, report.former, report.newer) == (UPDATED, 0, version, "v1.3.0")
        fresh, now = garage.fresh("v1.3.0"), orders.everything()
        differing = {name for name in fresh | now if fresh.get(name) != now.get(name)}
        assert differing == {"internal/order/order.go"}
        assert "seeded" in report.kept["internal/order/order.go"]


def test_every_file_is_listed_under_what_became_of_it(orders: Subject) -> None:
    before = orders.everything()

    report = orders.update()

    now = orders.everything()
    assert report.added == [NEWER] == sorted(set(now) - set(before))
    assert sorted(report.removed) == sorted([FORMER, DROPPED]) == sorted(set(before) - set(now))
    assert sorted(report.changed) == [name for name in before if name in now and before[name] != now[name]]
    assert report.conflicts == {}


def test_new_modules_and_newer_versions_come_and_own_ones_stay(orders: Subject) -> None:
    orders.edit("go.mod", "require (\n", "require (\n\texample.com/own/module v1.2.3\n")
    orders.edit("go.mod", "client_golang v1.", "client_golang v1.9")
    own_version = next(line for line in orders.text("go.mod").splitlines() if "client_golang" in line)
    orders.commit()

    report = orders.update()

    text = orders.text("go.mod")
    assert "\texample.com/own/module v1.2.3\n" in text
    assert own_version in text.splitlines(), "a newer version than the template's was lowered"
    assert [(one.path, one.former) for one in report.modules] == [
        ("github.com/gin-gonic/gin", "v1.9.0"),
        ("github.com/goccy/go-yaml", ""),
    ]


def test_variables_that_the_schema_adds_are_told_for_every_environment(orders: Subject) -> None:
    assert orders.update().variables == {
        environment: {"added": ["LISTEN_HOST"], "dropped": []} for environment in ("dev", "staging", "prod")
    }


def test_the_changelog_between_both_versions_is_shown(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")
    log = "# Changelog\n\n## [1.4.0]\n\nFour.\n\n## [1.3.0]\n\nThree.\n\n## [1.2.0]\n\nTwo.\n\n## [1.1.0]\n\nOne.\n"
    template = template.release("v1.4.0", lambda folder: (folder / "CHANGELOG.md").write_text(log))
    orders = Subject(template.service(tmp_path / "orders", "v1.1.0", database="none"))

    assert orders.update().changelog == "## [1.4.0]\n\nFour.\n\n## [1.3.0]\n\nThree.\n\n## [1.2.0]\n\nTwo."


def test_nothing_newer_is_said_and_changes_nothing(garage: Garage) -> None:
    orders = garage.service("v1.3.0")
    before = orders.state()

    report = orders.update()

    assert (report.outcome, report.code, report.former, report.newer) == (UNCHANGED, 0, "v1.3.0", "v1.3.0")
    assert orders.state() == before


def test_a_version_between_can_be_chosen_and_the_rest_comes_later(orders: Subject) -> None:
    assert orders.update("1.1.0").newer == "v1.1.0"
    assert orders.path(FORMER).exists()
    orders.commit()

    assert orders.update().former == "v1.1.0"
    assert orders.path(NEWER).exists()


def test_a_branch_is_made_for_the_update(orders: Subject) -> None:
    report = orders.update(branch="template-v1.3.0")

    assert report.branch == "template-v1.3.0"
    assert git(orders.folder, "branch", "--show-current").strip() == "template-v1.3.0"


def test_a_dry_run_tells_and_changes_nothing(orders: Subject) -> None:
    before = orders.state()
    updater = orders.updater(dry=True)

    assert updater.update(Wanted()).added == [NEWER]
    assert orders.state() == before


# --- Other answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "two"), [("none", "sqlite"), ("sqlite", "none"), ("postgres", "sqlite")])
def test_another_database_gives_what_a_fresh_copy_with_it_has(garage: Garage, one: str, two: str) -> None:
    orders = garage.service("v1.3.0", database=one)
    orders.write("internal/billing/billing.go", OWN_CODE)
    orders.commit()

    report = orders.update(database=two)

    expected = {**garage.fresh("v1.3.0", database=two), "internal/billing/billing.go": OWN_CODE.encode()}
    now = orders.everything()
    assert report.code == 0
    # go.mod and go.sum still have what go mod tidy would drop.
    assert {name for name in expected | now if expected.get(name) != now.get(name)} <= {"go.mod", "go.sum"}


def test_another_database_leaves_an_edited_store_and_names_it(garage: Garage) -> None:
    orders = garage.service("v1.0.0", database="sqlite")
    orders.edit("internal/order/sqlite.go", "package order", "package order // mine")
    orders.commit()

    report = orders.update(database="none")

    assert "package order // mine" in orders.text("internal/order/sqlite.go")
    assert "you changed it" in report.kept["internal/order/sqlite.go"]


def test_an_edited_seeded_file_takes_the_changes_of_another_answer(garage: Garage) -> None:
    orders = garage.service("v1.3.0", license="none")
    orders.edit("README.md", "# orders\n", "# orders\n\nOur own words.\n")
    orders.commit()

    report = orders.update(license="mit")

    assert report.conflicts == {}
    assert "Our own words." in orders.text("README.md")
    assert "MIT, see `LICENSE`." in orders.text("README.md")
    assert orders.path("LICENSE").exists()


def test_answers_can_change_without_another_version(orders: Subject) -> None:
    report = orders.update("v1.0.0", license="none")

    assert (report.outcome, report.former, report.newer) == (UPDATED, "v1.0.0", "v1.0.0")
    assert "LICENSE" in report.removed


def test_the_same_answers_again_change_nothing(garage: Garage) -> None:
    assert garage.service("v1.3.0").update(license="mit").outcome == UNCHANGED


def test_a_go_release_that_the_template_left_behind_is_raised(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")
    template = template.release("v1.4.0", replace("copier.yml", 'default: "1.26"', 'default: "1.27"'))
    orders = Subject(template.service(tmp_path / "orders", "v1.3.0", database="none"))

    report = orders.update()

    assert "golang:1.27" in orders.text("Dockerfile")
    assert [(one.path, one.former, one.newer) for one in report.modules] == [("go", "1.26.0", "1.27.0")]


# --- The tasks ------------------------------------------------------------------------------------


def invoke(orders: Subject, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a task of the service itself, as a user would."""
    return Service(orders.folder, orders.folder.parent / "state", env=env).invoke(*words)


def without_go(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing leads to a Go toolchain."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "go").exists()]
    return {"PATH": os.pathsep.join(folders), "XDG_CACHE_HOME": str(tmp_path)}


def test_the_task_says_what_came_and_that_nothing_is_proven_without_go(orders: Subject, tmp_path: Path) -> None:
    done = invoke(orders, "template.update", "--json", **without_go(tmp_path))

    document = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    assert list(document) == [
        *("service", "from", "to", "outcome", "added", "changed", "removed", "conflicts", "kept", "variables"),
        *("modules", "checks", "branch", "changelog", "error"),
    ]
    assert document["outcome"] == "updated"
    assert document["checks"] == {"build": "skipped", "test": "skipped"}
    assert "no Go here" in document["error"]
    assert "github.com/gin-gonic/gin v1.12" in orders.text("go.mod")


def test_the_task_ends_with_7_and_names_conflicts_and_puts_back(orders: Subject) -> None:
    orders.edit("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443")
    orders.commit()
    before = orders.state()

    done = invoke(orders, "template.update")
    assert done.returncode == 7, done.stdout + done.stderr
    assert "CONFLICT   Dockerfile: the template changed lines that you changed too" in done.stdout
    assert "error: 1 file could not be merged" in done.stderr

    done = invoke(orders, "template.update", "--abort")
    assert done.returncode == 0, done.stderr
    assert "everything is as it was" in done.stdout
    shutil.rmtree(orders.folder / "tasks" / "__pycache__", ignore_errors=True)
    for cache in orders.folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    assert orders.state() == before


def test_a_refusal_is_a_document_too(orders: Subject) -> None:
    orders.write("notes.txt", "new\n")

    done = invoke(orders, "template.update", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 2
    assert document["outcome"] == "failed"
    assert "notes.txt" in document["error"]


def test_an_answer_is_given_as_an_assignment(orders: Subject) -> None:
    done = invoke(orders, "template.update", "--set", "sqlite")

    assert done.returncode == 2
    assert "not ANSWER=VALUE" in done.stderr


SESSION = re.compile(r"^```shell-session\n\$ \./inv (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_documentation_shows_what_an_update_prints(orders: Subject) -> None:
    """The session in docs/update.md, with the build and the tests; an ellipsis stands for anything."""
    [(words, shown)] = SESSION.findall((ROOT / "docs" / "update.md").read_text())
    lines = [re.escape(line).replace("…", ".*") for line in shown.splitlines()]
    expected = "\n".join(lines).replace("\n.*\n", "\n(?s:.*)\n").removesuffix("\n.*")

    done = invoke(orders, *words.split())

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(expected, done.stdout), done.stdout
