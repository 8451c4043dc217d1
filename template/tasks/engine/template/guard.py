"""What holds while an update, or the putting back of one, is at work: it is alone, and its end names the way back."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.console import Console
from ..core.errors import Fault, LockedFault, MissingFault
from .record import Checkout

WAY_BACK = "./inv template.update --abort puts everything back"


@contextmanager
def guarded(checkout: Checkout, console: Console) -> Iterator[None]:
    """Hold the repository, and say of whatever ends the work half-way how to put back what it has changed.

    Raises LockedFault where another update, or another git command, is at work; MissingFault where a disk is full.
    """
    try:
        with _alone(checkout):
            yield
    except KeyboardInterrupt:
        if checkout.under_way:
            console.note(f"what was changed so far stays: {WAY_BACK}")
        raise
    except Fault as fault:
        if checkout.under_way:
            fault.remedy = f"{fault.remedy}; then {WAY_BACK}" if fault.remedy else WAY_BACK
        raise
    except OSError as error:
        raise _told(error, checkout.under_way) from error


@contextmanager
def _alone(checkout: Checkout) -> Iterator[None]:
    checkout.index.require_unlocked()
    folder = checkout.folder.parent
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another update is under way in this repository, nothing was changed"
            raise LockedFault(what, where=str(checkout.root), remedy="wait until it has ended") from None
        yield


def _told(error: OSError, under_way: bool) -> Fault:
    kind = MissingFault if error.errno in (errno.ENOSPC, errno.EDQUOT) else Fault
    remedy = WAY_BACK if under_way else "nothing of the service was changed: mend that, and run the task again"
    return kind(f"{error.strerror or error}", where=str(Path(error.filename)) if error.filename else "", remedy=remedy)
