"""Where things are: the service's root, and the state that outlives a checkout."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from .errors import MissingFault

ROOT = Path(__file__).resolve().parents[3]
"""The service's root folder, whatever folder the tasks are called from."""


def state_home() -> Path:
    """The folder of all services' state: `$XDG_STATE_HOME/copier-gin`, by default below `~/.local/state`.

    It is outside the checkout because a `git clean` there must not take the secrets of running containers away
    (XDG Base Directory Specification 0.8).
    """
    return _base("XDG_STATE_HOME", ".local/state") / "copier-gin"


def cache_home() -> Path:
    """The folder for what can be made again, such as a Go toolchain: `$XDG_CACHE_HOME/copier-gin`."""
    return _base("XDG_CACHE_HOME", ".cache") / "copier-gin"


def config_home() -> Path:
    """The folder for what a user has chosen, such as an identity: `$XDG_CONFIG_HOME/copier-gin`."""
    return _base("XDG_CONFIG_HOME", ".config") / "copier-gin"


def user_name() -> str:
    """Who this is; the user's number where the system has no name for it, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


def private_folder(path: Path) -> Path:
    """Make `path` and its parents, readable by their owner alone (mode 0700), and return it.

    Raises MissingFault where that is not allowed.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        remedy = "see to it, or set XDG_STATE_HOME to a folder that can be written"
        raise MissingFault(f"{path} cannot be made: {error.strerror}", remedy=remedy) from error
    return path


def write_private(path: Path, content: str, mode: int = 0o600) -> None:
    """Write `content` to `path` as a whole or not at all, with `mode`, in a folder only its owner can enter."""
    write_private_bytes(path, content.encode(), mode)


def write_private_bytes(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Do the same with what is no text."""
    private_folder(path.parent)
    _replace(path, content, mode, sync=False)


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file as a whole or not at all, so that it is on the disk when this returns; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, content, mode, sync=True)


def _replace(path: Path, content: bytes, mode: int, sync: bool) -> None:
    """Write a hidden draft beside a file, and put it in its place; git ignores that of a `.env` file, as it ends so."""
    hidden = path.name if path.name.startswith(".") else f".{path.name}"
    draft = path.with_name(f"{hidden}.{os.getpid()}.local")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        if sync:
            os.fsync(file.fileno())
    draft.replace(path)


def _base(variable: str, default: str) -> Path:
    """The folder in `variable`, which counts only if it is absolute (XDG Base Directory Specification 0.8)."""
    given = Path(os.environ.get(variable, ""))
    if given.is_absolute():
        return given
    home = user_home()
    if not home.is_absolute():
        remedy = f"set HOME, or {variable}, to a folder that can be written"
        raise MissingFault("this user has no home folder", where=f"user {user_name()}", remedy=remedy)
    return home / default


def user_home() -> Path:
    """The user's home folder; no absolute path where there is none."""
    if os.environ.get("HOME"):
        return Path(os.environ["HOME"])
    try:
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        return Path()
