"""What is about to be written is compared with the commit itself: git may have been told to look away."""

from __future__ import annotations

import os
from typing import Any

import pytest

from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.template.status import read_template_status
from service_tasks.engine.template.update import Updater

from ..support.service import git
from .updating import Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]

COMPOSE = "docker-compose.yml"
FLAGS = ("skip-worktree", "assume-unchanged")


def flags(orders: Subject) -> list[str]:
    """The files that git was told not to look at."""
    return [line for line in git(orders.folder, "ls-files", "-v").splitlines() if line[0] in "Ssh"]


def state(orders: Subject) -> dict[str, Any]:
    """All that must not change."""
    return {**orders.state(), "flags": flags(orders)}


def refused(orders: Subject, *names: str) -> None:
    """Update, and see that the files are named and nothing has changed."""
    before = state(orders)
    with pytest.raises(UsageFault, match="not as they were committed") as fault:
        orders.update(branch="template")
    assert list(fault.value.details) == list(names)
    assert state(orders) == before


@pytest.mark.parametrize("flag", FLAGS)
def test_an_edit_that_git_was_told_not_to_look_at_is_refused_by_name(orders: Subject, flag: str) -> None:
    git(orders.folder, "update-index", f"--{flag}", COMPOSE)
    orders.write(COMPOSE, "services: {}\n")

    refused(orders, COMPOSE)
    assert not read_template_status(orders.folder, "orders").clean


@pytest.mark.parametrize("flag", FLAGS)
def test_such_an_edit_of_a_file_that_the_update_leaves_alone_is_in_nobodys_way(orders: Subject, flag: str) -> None:
    git(orders.folder, "update-index", f"--{flag}", ".editorconfig")
    orders.write(".editorconfig", "# mine\n")
    before = flags(orders)

    assert orders.update().code == 0
    assert orders.text(".editorconfig") == "# mine\n"
    assert flags(orders) == before


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_stay_through_an_update_and_the_way_back(orders: Subject, flag: str) -> None:
    git(orders.folder, "update-index", f"--{flag}", COMPOSE, "Dockerfile")
    orders.edit(".env.dev", "LOG_LEVEL=", "LOG_LEVEL=warn#")
    orders.commit()
    before = state(orders)

    orders.update()
    assert flags(orders) == before["flags"]
    assert "stop_grace_period: 30s" in git(orders.folder, "show", f":{COMPOSE}")

    orders.updater().abort()
    assert state(orders) == before


def test_flags_of_files_in_dispute_come_back_with_the_way_back(orders: Subject) -> None:
    orders.edit("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443")
    orders.commit()
    git(orders.folder, "update-index", "--skip-worktree", "Dockerfile")
    before = state(orders)

    assert orders.update().code == 7
    orders.updater().abort()

    assert state(orders) == before


def test_files_that_a_sparse_checkout_left_out_are_refused_by_name(orders: Subject) -> None:
    git(orders.folder, "update-index", "--refresh")
    git(orders.folder, "sparse-checkout", "set", "--no-cone", "/*", f"!/{COMPOSE}")
    assert not orders.path(COMPOSE).exists()

    refused(orders, COMPOSE)
    assert read_template_status(orders.folder, "orders").clean


def test_an_edit_that_git_does_not_notice_by_size_and_time_is_refused_by_name(orders: Subject) -> None:
    for setting, value in (("trustctime", "false"), ("checkStat", "minimal")):
        git(orders.folder, "config", f"core.{setting}", value)
    place = orders.path(COMPOSE)
    os.utime(place, (1_600_000_000, 1_600_000_000))
    git(orders.folder, "update-index", "--refresh")
    orders.write(COMPOSE, orders.text(COMPOSE).replace("25s", "99s"))
    os.utime(place, (1_600_000_000, 1_600_000_000))
    assert orders.status() == ""

    refused(orders, COMPOSE)


@pytest.mark.parametrize("committed", [False, True], ids=["edited", "committed"])
def test_work_that_is_done_during_an_update_is_refused(
    orders: Subject, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = Updater._merge

    def edit_meanwhile(updater: Updater, *arguments: Any) -> Any:
        merged = merge(updater, *arguments)
        orders.write("Dockerfile", "FROM scratch\n")
        if committed:
            orders.commit()
        return merged

    monkeypatch.setattr(Updater, "_merge", edit_meanwhile)
    with pytest.raises(UsageFault, match="nothing was changed"):
        orders.update()

    assert orders.text("Dockerfile") == "FROM scratch\n"
    assert orders.path("internal/app/routes.go").exists()
