"""What `env.fix` does by itself: what cannot change a value that a service gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.paths import replace_file
from .configuration import Environments
from .dotenv import EnvFile, read_env_file, replace_entry, write_entry
from .settings import Environment

PRIVATE = 0o600


@dataclass(frozen=True)
class Repair:
    """One thing that was done, and to which file."""

    file: str
    what: str


def repair(environments: Environments, environment: Environment) -> list[Repair]:
    """Mend the files of an environment as far as that is safe; what is left is for `check` to tell."""
    name = environment.name
    tracked, local = environments.tracked_file(name), environments.local_file(name)
    done = [*_keep_private(local), *_drop_repeated(tracked), *_drop_repeated(local)]
    if not environment.development:
        done += _move_secrets(environments, tracked, local)
    return [*done, *_add_missing(environments, name)]


def _keep_private(local: Path) -> Iterator[Repair]:
    if local.exists() and local.stat().st_mode & 0o077:
        local.chmod(PRIVATE)
        yield Repair(local.name, "can be read by its owner alone now")


def _drop_repeated(path: Path) -> Iterator[Repair]:
    """Names that are set twice to the same value: with another one, somebody has to say which is meant."""
    for name in _repeated(read_env_file(path)) if path.exists() else ():
        text = path.read_text(encoding="utf-8")
        _write(path, replace_entry(text, name, read_env_file(path).values()[name]))
        yield Repair(path.name, f"{name} was set twice to the same value, and is once")


def _repeated(file: EnvFile) -> list[str]:
    values: dict[str, set[str]] = {}
    for entry in file.entries:
        values.setdefault(entry.name, set()).add(entry.value)
    names = [entry.name for entry in file.entries]
    return [name for name, different in values.items() if names.count(name) > 1 and len(different) == 1]


def _move_secrets(environments: Environments, tracked: Path, local: Path) -> Iterator[Repair]:
    """Secrets that stand in the file that is in git, to the one that is not: git's past has them all the same."""
    known, there = environments.schema.variables, read_env_file(local).values() if local.exists() else {}
    for entry in read_env_file(tracked).entries:
        if not entry.value or entry.name not in known or not known[entry.name].is_secret(entry.value):
            continue
        if entry.name not in there:
            before = local.read_text(encoding="utf-8") if local.exists() else ""
            end = "\n" if before and not before.endswith("\n") else ""
            _write(local, f"{before}{end}{write_entry(entry.name, entry.value)}\n", PRIVATE)
        _write(tracked, replace_entry(tracked.read_text(encoding="utf-8"), entry.name, None))
        yield Repair(tracked.name, f"{entry.name} is in {local.name} now; git's past has it, so give it another value")


def _add_missing(environments: Environments, name: str) -> Iterator[Repair]:
    """Variables that other environments set and this one does not, with the default that it has had so far."""
    path, known = environments.tracked_file(name), environments.schema.variables
    others = [environments.tracked_file(other) for other in environments.names if other != name]
    theirs = {entry.name for other in others if other.exists() for entry in read_env_file(other).entries}
    for each in sorted(theirs & known.keys() - read_env_file(path).values().keys()):
        if not known[each].sensitive and known[each].default:
            text = path.read_text(encoding="utf-8")
            end = "" if text.endswith("\n") else "\n"
            _write(path, f"{text}{end}{write_entry(each, known[each].default)}\n")
            yield Repair(path.name, f"{each} is set as elsewhere, to the default that it has had")


def _write(path: Path, text: str, mode: int = 0) -> None:
    replace_file(path, text.encode(), mode or path.stat().st_mode & 0o777)
