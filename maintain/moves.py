"""Files that a release of the template takes away or renames: each needs a note, as services may have changed it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

NOTES = "maintain/moves.json"
CHOICE = re.compile(r"\{% if [^%]* %\}([^/{]*)(?:\{% else %\}([^/{]*))?\{% endif %\}")
"""A part of a path in releases that had conditions in names, with the one or two names that it stood for."""

Notes = Mapping[str, str]


def read_notes(root: Path) -> Notes:
    """The notes by path: what became of a file, and what whoever changed it must do."""
    notes: dict[str, str] = json.loads((root / NOTES).read_text(encoding="utf-8"))
    return notes


def undocumented(former: Iterable[str], present: Iterable[str], notes: Notes) -> list[str]:
    """The paths of the former release that are there no longer and that no note explains."""
    return sorted(set(former) - set(present) - {path for path, note in notes.items() if note.strip()})


def last_release(root: Path) -> str:
    """The newest release before this checkout; empty where there is none."""
    words = ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=False).stdout.strip()


def released_paths(root: Path, version: str) -> list[str]:
    """The paths of a service made from a release, whatever the answers."""
    words = ["git", "ls-tree", "-r", "--name-only", "-z", version, "template/"]
    names = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return service_paths(filter(None, names))


def service_paths(names: Iterable[str]) -> list[str]:
    """What files of `template/` are called in a service, whatever the answers."""
    paths = {path for name in names for path in _called(name.removeprefix("template/"))}
    return sorted(path.removesuffix(".jinja") for path in paths)


def _called(name: str) -> Iterator[str]:
    """Every path that a name with conditions can stand for; a name without any is a path already."""
    if not (choice := CHOICE.search(name)):
        yield name
        return
    for branch in choice.groups():
        if branch is not None:
            yield from _called(name[: choice.start()] + branch + name[choice.end() :])
