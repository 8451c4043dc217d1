"""One deploy at a time for a service and environment on this machine."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LockedFault
from .paths import private_folder
from .releases import now

PAUSE = 0.2
"""Seconds between two tries."""


@contextmanager
def deploy_lock(folder: Path, command: str, wait: float = 0) -> Iterator[None]:
    """Hold the lock in `folder`, after waiting for at most `wait` seconds; LockedFault names who holds it.

    It ends with the process, however that ends.
    """
    path = private_folder(folder) / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _taken(descriptor, wait):
            raise LockedFault(
                "another deploy is under way",
                where=_holder(path),
                remedy="wait until it is done, or let --lock-wait=SECONDS do so",
            )
        holder = {"user": getpass.getuser(), "pid": os.getpid(), "command": command, "since": now()}
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, wait: float) -> bool:
    deadline = time.monotonic() + wait
    pause = threading.Event()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            pause.wait(PAUSE)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"{holder['command']} by {holder['user']}, process {holder['pid']}, since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return str(path)
