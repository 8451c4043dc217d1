"""One deploy at a time for a service and environment on this machine."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LockedFault
from .paths import private_folder
from .releases import now


@contextmanager
def deploy_lock(folder: Path, command: str) -> Iterator[None]:
    """Hold the lock in `folder`; LockedFault names who holds it. It ends with the process, however that ends."""
    path = private_folder(folder) / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedFault(
                "another deploy is under way", where=_holder(path), remedy="wait until it is done, then try again"
            ) from None
        holder = {"user": getpass.getuser(), "pid": os.getpid(), "command": command, "since": now()}
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        os.close(descriptor)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"{holder['command']} by {holder['user']}, process {holder['pid']}, since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return str(path)
