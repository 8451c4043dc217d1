"""Folders of this machine that are in its memory, and on no disk."""

from __future__ import annotations

import os
from pathlib import Path

KINDS = ("tmpfs", "ramfs")


def memory_folders() -> list[Path]:
    """Where there may be one: this login's own, and everybody's."""
    return [Path(os.environ.get("XDG_RUNTIME_DIR") or "/run/none"), Path("/dev/shm")]


def is_in_memory(folder: Path) -> bool:
    """Whether a folder can be written and is in memory.

    By proc(5): the fields of a mount are its point, the fifth, and behind a dash its type.
    """
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    for mount in mounts:
        left, _, right = mount.partition(" - ")
        point = left.split()[4]
        if len(point) >= len(best) and folder.resolve().is_relative_to(point):
            best, kind = point, right.split()[0]
    return kind in KINDS and folder.is_dir() and os.access(folder, os.W_OK)
