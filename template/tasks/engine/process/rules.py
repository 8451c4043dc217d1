"""Rules of the guard for a release on this machine: in its own folder, so that they end with it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..core.paths import write_private
from ..deploy.rules import COMMAND, DRAFT, FILE, VARIABLE, looks_nowhere, refused, wait_in_force


def apply(program: Path, values: Mapping[str, str], environment: str, log: Path, text: str) -> str:
    """Have the release of a program, which runs with these values, hold requests to rules. Gives a detail line."""
    path = program.parent / FILE
    if values.get(VARIABLE) != str(path):
        raise looks_nowhere(environment)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return f"{program.parent.name} has these rules already"
    draft = program.parent / DRAFT
    write_private(draft, text)
    done = subprocess.run(
        [str(program), COMMAND, str(draft)], env=dict(values), capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise refused((done.stderr or done.stdout).strip().splitlines())
    begin = log.stat().st_size
    draft.replace(path)
    wait_in_force(lambda: log.read_bytes()[begin:].decode(errors="replace"), str(path))
    return f"in force in {program.parent.name}, until another one serves"
