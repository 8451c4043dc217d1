"""The lock of an environment on its engine, for every machine that deploys to it.

It is a container that is never started: its name exists once on an engine, so making it is atomic, also before anything
else of the environment is there. Its labels say who holds it; a file in it says when it was renewed last, by the
engine's clock. Whoever takes an expired one over removes exactly that container, by its id, so that only one succeeds.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from ..core.errors import LockedFault
from ..deploy.lock import LOOK, PAUSE, REMOVED, Holder, SharedLock, held, parse_holder, this_process
from .engine import Engine, engine_seconds
from .errors import telling_faults

if TYPE_CHECKING:
    from docker.models.containers import Container

LEASE = 30.0
"""Seconds after its last renewal for which a lock holds: what a killed deployer of another machine costs the next."""
RENEWAL = 5.0
"""Seconds between two renewals: several may fail before the lease is over."""
HOLDER = "copier-gin.lock"
RENEWED = "renewed"


def engine_lock(
    engine: Engine,
    name: str,
    labels: Mapping[str, str],
    command: str,
    wait: float,
    note: Callable[[str], None],
    borrow: bool = False,
) -> AbstractContextManager[EngineLock]:
    """Hold the lock called `name`, after waiting for at most `wait` seconds; LockedFault names who holds it.

    `note` is told whose lock was taken over, and why. With `borrow`, the lock of the deploy that this is a hook of will
    do.
    """
    lock = EngineLock(engine, name, {**labels, HOLDER: json.dumps(this_process(command).document())}, note)
    return held(lock, wait, PAUSE, borrow)


@telling_faults
class EngineLock(SharedLock):
    """A lock on an engine: `engine_lock` holds one."""

    def __init__(self, engine: Engine, name: str, labels: Mapping[str, str], note: Callable[[str], None]) -> None:
        self._engine = engine
        self._name = name
        self._labels = dict(labels)
        self._note = note
        self._container: Container | None = None
        self._ended = threading.Event()
        self._lost = ""
        self._ahead = 0.0
        self._image = engine.empty_image()

    @property
    def token(self) -> str:
        """What tells this lock from all others, ever: 12 hex digits."""
        assert self._container is not None, "the lock is not held"
        return str(self._container.id)[:12]

    def borrow(self) -> bool:
        """Whether the process that started this one holds the lock: then it is held as long as that does."""
        other = self._other()
        holder = _holder_of(other) if other else None
        if holder is None or not holder.lends():
            return False
        self._container = other
        return True

    def take(self) -> bool:
        """Whether the lock is ours now: it was free, or the one who held it is gone or has not renewed it."""
        if self._create():
            return True
        other = self._other()
        if other is None:
            return self._create()
        holder, why = self._expired(other)
        if not why:
            return False
        self._remove(other)
        if not self._create():
            return False
        self._note(f"took over the lock of {holder}: {why}")
        return True

    def described(self) -> str:
        """Who holds the lock, for the message of whoever does not get it."""
        other = self._other()
        return f"{_holder_of(other) or 'an unknown holder'}; lock {self._name}" if other else self._name

    def require(self) -> None:
        """LockedFault where the lease was not renewed in time, or somebody removed the lock, even just now."""
        from docker.errors import NotFound

        with suppress(OSError):
            try:
                self._renew()
            except NotFound:
                self._lost = REMOVED
        if self._lost:
            raise LockedFault(self._lost, where=self._name, remedy=LOOK)

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        if self._container is not None:
            self._remove(self._container)

    def _create(self) -> bool:
        from docker.errors import APIError

        try:
            made = self._engine.client.containers.create(
                self._image, ["held"], name=self._name, labels=self._labels, network_mode="none"
            )
        except APIError as error:
            if error.status_code == 409:
                return False
            raise
        self._container = made
        self._ahead = engine_seconds(made.attrs["Created"]) - time.monotonic()
        threading.Thread(target=self._renew_until_ended, daemon=True).start()
        return True

    def _renew_until_ended(self) -> None:
        from requests.exceptions import RequestException

        from docker.errors import NotFound

        renewed = time.monotonic()
        while not self._ended.wait(RENEWAL):
            try:
                self._renew()
                renewed = time.monotonic()
            except NotFound:
                self._lost = REMOVED
                return
            except (OSError, RequestException):
                if time.monotonic() - renewed > LEASE:
                    self._lost = f"the deploy lock could not be renewed for {LEASE:.0f} s"
                    return

    def _renew(self) -> None:
        if self._container is not None:
            text = str(self._ahead + time.monotonic())
            self._engine.put_file(self._container, "/", RENEWED, text)

    def _other(self) -> Container | None:
        from docker.errors import NotFound

        try:
            return self._engine.client.containers.get(self._name)
        except NotFound:
            return None

    def _expired(self, other: Container) -> tuple[Holder | None, str]:
        """Who holds the other lock, and why it no longer counts; empty where it does."""
        holder = _holder_of(other)
        if holder is not None and holder.gone():
            return holder, "its process has ended"
        silent = self._engine.now() - self._renewed(other)
        return holder, f"it was not renewed for {silent:.0f} s" if silent > LEASE else ""

    def _renewed(self, other: Container) -> float:
        from docker.errors import NotFound

        made = engine_seconds(other.attrs["Created"])
        try:
            return max(made, float(self._engine.get_files(other, f"/{RENEWED}")[RENEWED]))
        except (NotFound, ValueError, KeyError):
            return made

    def _remove(self, container: Container) -> None:
        from docker.errors import APIError

        with suppress(APIError, OSError):
            container.remove(force=True)


def _holder_of(container: Container) -> Holder | None:
    try:
        return parse_holder(json.loads(container.labels.get(HOLDER, "")))
    except ValueError:
        return None
