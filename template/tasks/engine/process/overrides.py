"""Overrides of a release on this machine: in its own folder, so that they end with it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..core.paths import write_private_bytes
from ..deploy.overrides import Change


def apply(program: Path, values: Mapping[str, str], environment: str, log: Path, change: Change) -> str:
    """Have the release of a program, which runs with these values, go by a change. Gives a detail line."""
    folder, override = program.parent, change.override
    path = folder / override.place
    if values.get(override.variable) != str(path):
        raise change.looks_nowhere(environment)
    wanted = change.files(override.place)
    if path.exists() and _files(folder, path) == wanted:
        return f"{folder.name} has these {override.what} already"
    _show(program, values, folder / override.draft, change)
    begin = log.stat().st_size
    for name, data in wanted.items():
        write_private_bytes(folder / name, data)
    for name in _files(folder, path).keys() - wanted.keys():
        (folder / name).unlink()
    told = change.wait_in_force(lambda: log.read_bytes()[begin:].decode(errors="replace"), str(path), values)
    return f"in force in {folder.name}, until another one serves{told}"


def _show(program: Path, values: Mapping[str, str], draft: Path, change: Change) -> None:
    """Ask the service whether a change is right."""
    shutil.rmtree(draft, ignore_errors=True)
    for name, data in change.files(change.override.draft).items():
        write_private_bytes(program.parent / name, data)
    done = subprocess.run(
        [str(program), change.override.command, str(draft)],
        env=dict(values),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise change.refused((done.stderr or done.stdout).strip().splitlines())


def _files(folder: Path, place: Path) -> dict[str, bytes]:
    """The files of a place by their paths in the release's folder."""
    found = sorted(place.glob("[!.]*")) if place.is_dir() else [place]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
