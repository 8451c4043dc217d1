"""The lock of an environment in its cluster, for everybody who deploys to it: a Lease of coordination.k8s.io.

Making one is atomic, and so is replacing the version of it that was read. When it was renewed last, and what time it
is, are both by the API server's clock.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timezone

from ..core.errors import Fault, LockedFault
from ..deploy.lock import LOOK, REMOVED, Holder, Lease, SharedLock, held, parse_holder, this_process
from .cluster import Cluster, Object, version_of

LEASE = 30
"""Seconds after its last renewal for which a lock holds: what a killed deployer of another machine costs the next."""
RENEWAL = 5.0
PAUSE = 1.0
HOLDER = "copier-gin.holder"


def cluster_lock(
    cluster: Cluster,
    name: str,
    labels: Mapping[str, str],
    command: str,
    wait: float,
    note: Callable[[str], None],
    borrow: bool = False,
) -> AbstractContextManager[Lease]:
    """Hold the Lease called `name`, after waiting for at most `wait` seconds; LockedFault names who holds it.

    `note` is told whose lock was taken over, and why. With `borrow`, the lock of the deploy that this is a hook of will
    do.
    """
    lock = ClusterLock(cluster, name, labels, this_process(command), note)
    return held(lock, wait, PAUSE, borrow)


class ClusterLock(SharedLock):
    """A lock in a cluster: `cluster_lock` holds one."""

    def __init__(
        self, cluster: Cluster, name: str, labels: Mapping[str, str], holder: Holder, note: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._labels = dict(labels)
        self._holder = holder
        self._note = note
        self._identity = f"{holder.host} {holder.process} {secrets.token_hex(4)}"
        self._borrowed = False
        self._known: Object | None = None
        self._mutex = threading.Lock()
        self._ended = threading.Event()
        self._lost = ""

    def borrow(self) -> bool:
        """Whether the process that started this one holds the lock: then it is held as long as that does."""
        found = self._found()
        holder = _holder_of(found) if found else None
        self._borrowed = holder is not None and holder.lends()
        if found and self._borrowed:
            self._identity = _identity_of(found)
        return self._borrowed

    def take(self) -> bool:
        """Whether the lock is ours now: it was free, or the one who held it is gone or has not renewed it."""
        found = self._found()
        if found is None:
            return self._begin(self._cluster.create(self._document()))
        former, why = self._expired(found)
        if not why:
            return False
        if not self._begin(self._cluster.replace(self._document(found))):
            return False
        if former:
            self._note(f"took over the lock of {former}: {why}")
        return True

    def described(self) -> str:
        """Who holds the lock, for the message of whoever does not get it."""
        found = self._found()
        return f"{_holder_of(found) or 'an unknown holder'}; lease {self._name}" if found else self._name

    def require(self) -> None:
        """LockedFault where the lease was not renewed in time, or somebody took it over, even just now."""
        with suppress(OSError):
            self._renew()
        if self._lost:
            raise LockedFault(self._lost, where=f"lease {self._name}", remedy=LOOK)

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        with self._mutex, suppress(Fault, OSError):
            if self._known:
                self._write(free=True)

    def _begin(self, taken: Object | None) -> bool:
        self._known = taken
        if taken:
            threading.Thread(target=self._renew_until_ended, daemon=True).start()
        return taken is not None

    def _renew_until_ended(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(RENEWAL) and not self._lost:
            try:
                self._renew()
                renewed = time.monotonic()
            except (Fault, OSError):
                if time.monotonic() - renewed > LEASE:
                    self._lost = f"the deploy lock could not be renewed for {LEASE} s"

    def _renew(self) -> None:
        """Renew it, if it is ours; one that is borrowed is renewed by whoever holds it."""
        with self._mutex:
            if self._borrowed:
                found = self._found()
                ours = found is not None and _identity_of(found) == self._identity
            else:
                ours = self._ended.is_set() or self._write()
            if not ours:
                self._lost = REMOVED

    def _write(self, free: bool = False) -> bool:
        """Whether the Lease was written anew as ours.

        It was ours where it has not changed since it was written last. Where it has, somebody may have done no more
        than label it: then it is read, and says whose it is.
        """
        written = self._cluster.replace(self._document(self._known, free))
        if written is None:
            found = self._found()
            if found is None or _identity_of(found) != self._identity:
                return False
            written = self._cluster.replace(self._document(found, free))
        self._known = written or self._known
        return written is not None

    def _found(self) -> Object | None:
        return self._cluster.get("leases.coordination.k8s.io", self._name, "--show-managed-fields")

    def _document(self, former: Object | None = None, free: bool = False) -> Object:
        holder = {} if free else {HOLDER: json.dumps(self._holder.document())}
        now = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "labels": self._labels, "annotations": holder, **version_of(former)},
            "spec": {
                "holderIdentity": "" if free else self._identity,
                "leaseDurationSeconds": LEASE,
                "renewTime": now,
            },
        }

    def _expired(self, found: Object) -> tuple[Holder | None, str]:
        """Who holds the lock, and why it no longer counts; empty where it does."""
        if not _identity_of(found):
            return None, "it is free"
        holder = _holder_of(found)
        if holder is not None and holder.gone():
            return holder, "its process has ended"
        silent = self._now() - _renewed(found)
        return holder, f"it was not renewed for {silent:.0f} s" if silent > LEASE else ""

    def _now(self) -> float:
        """The API server's clock: when it would have made an object just now."""
        probe = {**self._document(), "metadata": {"generateName": f"{self._name}-"}}
        text = self._cluster.do("create", "--dry-run=server", "--output=json", "--filename=-", feed=json.dumps(probe))
        return _seconds(json.loads(text)["metadata"]["creationTimestamp"])


def _identity_of(found: Object) -> str:
    return str(found.get("spec", {}).get("holderIdentity") or "")


def _holder_of(found: Object) -> Holder | None:
    try:
        return parse_holder(json.loads(found["metadata"].get("annotations", {}).get(HOLDER, "")))
    except ValueError:
        return None


def _renewed(found: Object) -> float:
    """When a Lease was written last, by the API server's clock."""
    times = [each["time"] for each in found["metadata"].get("managedFields", []) if "time" in each]
    return max(map(_seconds, [*times, found["metadata"]["creationTimestamp"]]))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
