"""One deploy at a time for a service and environment: who holds the lock, and how one waits for it.

Where the lock is belongs to the target: `engine_lock` for an engine that many reach, a file for processes of this
machine.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from ..core.errors import LockedFault
from ..core.paths import private_folder, user_name
from ..core.processes import start_time
from ..core.waiting import wait_until
from .releases import now

REMOVED = "the deploy lock was removed, or taken over by another deploy"
LOOK = "look at status, and deploy again"
PAUSE = 0.2
"""Seconds between two tries."""
NAMED_SECONDS = 2
"""For whoever has just locked a file to write its name into it."""
LENT = "DEPLOY_LOCK"
"""The variable that tells a hook's tasks who holds the lock."""


class Lease(Protocol):
    """A lock that is held."""

    def require(self) -> None:
        """LockedFault where it has been lost to somebody else in the meantime."""


class SharedLock(Lease, Protocol):
    """A lock that many machines reach: how one gets it, and gives it back."""

    def borrow(self) -> bool:
        """Whether the process that started this one holds it: then it is held as long as that does."""

    def take(self) -> bool:
        """Whether it is ours now."""

    def described(self) -> str:
        """Who holds it, for the message of whoever does not get it."""

    def release(self) -> None:
        """Give it back."""


Shared = TypeVar("Shared", bound=SharedLock)


class Unlocked(Lease):
    """For what only looks."""

    def require(self) -> None:
        """Nothing can be lost."""


@dataclass(frozen=True)
class FileLease(Lease):
    """A lock that the operating system ends with the process, and never before, unless somebody deletes its file."""

    path: Path
    descriptor: int

    def require(self) -> None:
        """Compare the file with the one that was locked: another process may hold the lock of a new one."""
        try:
            same = os.path.samestat(self.path.stat(), os.fstat(self.descriptor))
        except OSError:
            same = False
        if not same:
            raise LockedFault(REMOVED, where=str(self.path), remedy=LOOK)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: user, machine, process (its number and when it began), command, since when (UTC)."""

    user: str
    host: str
    process: str
    command: str
    since: str

    def __str__(self) -> str:
        number = self.process.partition(":")[0]
        return f"{self.command} by {self.user}@{self.host}, process {number}, since {self.since}"

    def lends(self) -> bool:
        """Whether this process was started by the holder, as a hook is."""
        return os.environ.get(LENT) == _key(self)

    def gone(self) -> bool:
        """Whether it is a process of this machine that has ended: of others nothing is known here."""
        number = self.process.partition(":")[0]
        return self.host == machine() and number.isdigit() and process_identity(int(number)) != self.process

    def document(self) -> dict[str, str]:
        """The holder as it is kept with the lock."""
        return asdict(self)


def this_process(command: str) -> Holder:
    """The holder that this process is."""
    return Holder(user_name(), machine(), process_identity(os.getpid()), command, now())


def lent() -> dict[str, str]:
    """The variable for what this process starts while it holds a lock."""
    return {LENT: _key(this_process(""))}


def parse_holder(document: Mapping[str, str]) -> Holder | None:
    """The holder in a document; None where it is not one."""
    try:
        return Holder(**{name: str(document[name]) for name in Holder.__dataclass_fields__})
    except KeyError:
        return None


def machine() -> str:
    """This machine's name, and on Linux the process numbers' own: two containers of one host are two machines."""
    space = Path("/proc/self/ns/pid")
    return socket.gethostname() + (f"/{space.readlink().name}" if space.exists() else "")


def process_identity(number: int) -> str:
    """A process's number with the time it began, as numbers are used again; empty where none runs."""
    began = start_time(number)
    return f"{number}:{began}" if began else ""


def _key(holder: Holder) -> str:
    return f"{holder.host} {holder.process}"


def locked(holder: str) -> LockedFault:
    """Somebody else holds the lock."""
    return LockedFault(
        "another deploy is under way",
        where=holder,
        remedy="wait until it is done, or let --lock-wait=SECONDS do so",
    )


@contextmanager
def held(lock: Shared, wait: float, pause: float, borrow: bool) -> Iterator[Shared]:
    """Hold a lock, after waiting for at most `wait` seconds, `pause` between two tries; LockedFault names who holds it.

    With `borrow`, the lock of the deploy that this is a hook of will do.
    """
    if borrow and lock.borrow():
        yield lock
        return
    try:
        if not wait_until(lock.take, wait, pause):
            raise locked(lock.described())
        yield lock
    finally:
        lock.release()


@contextmanager
def file_lock(folder: Path, command: str, wait: float = 0, borrow: bool = False) -> Iterator[Lease]:
    """Hold the lock in `folder`, after waiting for at most `wait` seconds; LockedFault names who holds it.

    It ends with the process, however that ends. With `borrow`, the lock of the deploy that this is a hook of will do.
    """
    path = private_folder(folder) / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not (borrow and _borrowed(path)):
            if not wait_until(lambda: _taken(descriptor), wait, PAUSE):
                wait_until(lambda: _holder(path) is not None, NAMED_SECONDS, PAUSE)
                raise locked(str(_holder(path) or path))
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(this_process(command).document()).encode())
        yield FileLease(path, descriptor)
    finally:
        os.close(descriptor)


def _borrowed(path: Path) -> bool:
    holder = _holder(path)
    return holder is not None and holder.lends()


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> Holder | None:
    """Who a locked file names; None where that is still the one before."""
    try:
        holder = parse_holder(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return None if holder is None or holder.gone() else holder
