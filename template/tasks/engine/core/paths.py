"""Where things are: the service's root, and the state that outlives a checkout."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The service's root folder, whatever folder the tasks are called from."""


def state_home() -> Path:
    """The folder of all services' state: `$XDG_STATE_HOME/copier-gin`, by default below `~/.local/state`.

    It is outside the checkout because a `git clean` there must not take the secrets of running containers away
    (XDG Base Directory Specification 0.8).
    """
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "copier-gin"


def cache_home() -> Path:
    """The folder for what can be made again, such as a Go toolchain: `$XDG_CACHE_HOME/copier-gin`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "copier-gin"


def private_folder(path: Path) -> Path:
    """Make `path` and its parents, readable by their owner alone (mode 0700), and return it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, content: str, mode: int = 0o600) -> None:
    """Write `content` to `path` as a whole or not at all, with `mode`, in a folder only its owner can enter."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(content, encoding="utf-8")
    draft.chmod(mode)
    draft.replace(path)
