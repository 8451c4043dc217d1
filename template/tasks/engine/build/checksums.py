"""Checksums of what was built, in the format of sha256sum."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..core.paths import replace_file

NAME = "SHA256SUMS"


def write_checksums(folder: Path) -> Path:
    """Write the checksums of all files in a folder into one beside them, which `sha256sum --check` reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    lines = [f"{_sum(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    path = folder / NAME
    replace_file(path, "".join(lines).encode())
    return path


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
