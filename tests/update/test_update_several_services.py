"""A repository may hold several services: an update and its way back are one service's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import UsageFault

from ..support.service import git
from ..support.template_versions import commit
from .updating import Garage, Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]


@pytest.fixture
def pair(garage: Garage, tmp_path: Path) -> tuple[Subject, Subject]:
    """Two services in the folders of one repository."""
    whole = tmp_path / "company"
    for name in ("a", "b"):
        source = garage.service("v1.0.0", project_name=name).folder
        shutil.copytree(source, whole / "services" / name, ignore=shutil.ignore_patterns(".git"))
    git(whole, "init", "--quiet", "--initial-branch=main", "--template=")
    commit(whole)
    return Subject(whole / "services" / "a"), Subject(whole / "services" / "b")


def commit_only(subject: Subject) -> None:
    """Commit what was done to one service."""
    words = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "Mine", ".")
    git(subject.folder, *words)


def test_each_service_is_put_back_by_what_was_noted_for_it(pair: tuple[Subject, Subject]) -> None:
    a, b = pair
    a.write("Dockerfile", a.text("Dockerfile") + "# mine\n")
    a.commit()
    before = a.state(), b.state()
    assert (a.update().code, b.update().code) == (0, 0)
    updated = b.everything()

    a.updater().abort()

    assert a.state()["files"] == before[0]["files"]
    assert b.everything() == updated

    b.updater().abort()
    assert (a.state(), b.state()) == before


def test_an_abort_refuses_the_update_of_another_service(pair: tuple[Subject, Subject]) -> None:
    a, b = pair
    b.update()
    now = a.state(), b.state()

    with pytest.raises(UsageFault, match="no update to put back"):
        a.updater().abort()

    assert (a.state(), b.state()) == now


def test_an_update_can_be_put_back_after_a_commit_elsewhere_in_the_repository(pair: tuple[Subject, Subject]) -> None:
    a, b = pair
    before = a.everything()
    a.update()
    b.update()
    commit_only(b)
    committed = b.everything()

    a.updater().abort()

    assert (a.everything(), b.everything()) == (before, committed)
    assert a.status() == ""


def test_a_branch_that_another_service_is_at_work_on_stays(pair: tuple[Subject, Subject]) -> None:
    a, b = pair
    before = a.everything(), b.everything()
    a.update(branch="first")
    b.update(branch="second")

    a.updater().abort()
    assert git(a.folder, "branch", "--show-current").strip() == "second"

    b.updater().abort()
    assert git(a.folder, "branch", "--show-current").strip() == "first"
    assert (a.everything(), b.everything()) == before


def test_a_branch_with_the_commit_of_another_service_stays(pair: tuple[Subject, Subject]) -> None:
    a, b = pair
    a.update(branch="both")
    b.update()
    commit_only(b)

    a.updater().abort()

    assert git(a.folder, "branch", "--show-current").strip() == "both"
    assert a.status() == ""
