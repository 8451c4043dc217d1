"""An update that ends half-way, or meets another one, says so, and says how to go on."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from service_tasks.engine.core.errors import Fault, LockedFault, MissingFault
from service_tasks.engine.template.record import Checkout
from service_tasks.engine.template.status import read_template_status
from service_tasks.engine.template.update import Updater

from .updating import Garage, Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]

WAY_BACK = "./inv template.update --abort"
NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "Dockerfile")


def end(orders: Subject, monkeypatch: pytest.MonkeyPatch, after: int, how: BaseException) -> BaseException:
    """Update, and end in a way of its own after some files were written; gives what came of it."""
    write = Checkout._put
    written: list[str] = []

    def ended(checkout: Checkout, path: str, *arguments: Any) -> None:
        if len(written) == after:
            raise how
        written.append(path)
        write(checkout, path, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Checkout, "_put", ended)
        with pytest.raises(BaseException) as fault:
            orders.update()
    return fault.value


# --- Left half done -------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", [1, 4, 7])
def test_an_update_that_was_killed_and_committed_so_is_completed_by_the_next(
    garage: Garage, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    whole, orders = garage.service("v1.0.0"), garage.service("v1.0.0")
    whole.update()
    end(orders, monkeypatch, writes, SystemExit("killed"))
    orders.commit()

    report = orders.update()

    assert "left half done" in orders.notes.getvalue()
    assert (report.former, report.newer, report.conflicts) == ("v1.0.0", "v1.3.0", {})
    assert orders.everything() == whole.everything()


@pytest.mark.parametrize("committed", [False, True], ids=["as it was left", "committed"])
def test_the_status_names_what_an_update_did_not_get_to(
    orders: Subject, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    end(orders, monkeypatch, 4, SystemExit("killed"))
    if committed:
        orders.commit()

    found = read_template_status(orders.folder, "orders")

    assert ".copier-answers.yml" in found.unfinished
    assert found.version == "v1.0.0"
    assert found.document()["unfinished"] == found.unfinished


def test_an_update_that_is_whole_is_not_called_half_done(orders: Subject) -> None:
    orders.update()
    assert read_template_status(orders.folder, "orders").unfinished == []

    orders.commit()
    assert read_template_status(orders.folder, "orders").unfinished == []


# --- At the same time -----------------------------------------------------------------------------


@pytest.mark.parametrize("another", [Subject.update, lambda orders: orders.updater().abort()], ids=["update", "abort"])
def test_one_update_is_at_work_at_a_time(orders: Subject, another: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    merge = Updater._merge

    def meanwhile(updater: Updater, *arguments: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(Updater, "_merge", merge)
            with pytest.raises(LockedFault, match="another update is under way") as fault:
                another(orders)
        assert fault.value.code == 6
        return merge(updater, *arguments)

    before = orders.state()
    monkeypatch.setattr(Updater, "_merge", meanwhile)
    assert orders.update().code == 0

    orders.updater().abort()
    assert orders.state() == before


def test_a_lock_that_git_has_on_the_index_is_told_before_anything_changes(orders: Subject) -> None:
    lock = orders.path(".git/index.lock")
    lock.touch()
    before = orders.state()

    with pytest.raises(LockedFault) as fault:
        orders.update()

    assert str(lock) in str(fault.value)
    assert orders.state() == before


def test_putting_back_waits_for_the_index_as_well(orders: Subject) -> None:
    before = orders.state()
    orders.update()
    updated = orders.state()
    orders.path(".git/index.lock").touch()

    with pytest.raises(LockedFault):
        orders.updater().abort()
    assert orders.state() == updated

    orders.path(".git/index.lock").unlink()
    orders.updater().abort()
    assert orders.state() == before


# --- The way back is named ------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 5])
def test_ctrl_c_half_way_names_the_way_back(orders: Subject, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    before = orders.state()

    assert isinstance(end(orders, monkeypatch, after, KeyboardInterrupt()), KeyboardInterrupt)

    assert WAY_BACK in orders.notes.getvalue()
    orders.updater().abort()
    assert orders.state() == before


def test_a_disk_that_is_full_half_way_names_the_way_back(orders: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = end(orders, monkeypatch, 5, NO_SPACE)

    assert isinstance(fault, MissingFault)
    assert "No space left on device" in fault.what
    assert WAY_BACK in fault.remedy


def test_a_disk_that_is_full_before_anything_changed_says_that(
    orders: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = orders.state()

    def full(*_: object) -> None:
        raise NO_SPACE

    with monkeypatch.context() as patched:
        patched.setattr(Checkout, "begin", full)
        with pytest.raises(MissingFault) as fault:
            orders.update()

    assert "nothing of the service was changed" in fault.value.remedy
    assert orders.state() == before
    assert orders.update().code == 0


def test_what_git_refuses_half_way_names_the_way_back(orders: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Checkout._put

    def locked(checkout: Checkout, *arguments: Any) -> None:
        orders.path(".git/index.lock").touch()
        write(checkout, *arguments)

    before = orders.state()
    with monkeypatch.context() as patched:
        patched.setattr(Checkout, "_put", locked)
        with pytest.raises(Fault, match=r"index\.lock") as fault:
            orders.update()
    assert WAY_BACK in fault.value.remedy

    orders.path(".git/index.lock").unlink()
    orders.updater().abort()
    assert orders.state() == before
