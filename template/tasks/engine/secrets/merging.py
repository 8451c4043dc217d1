"""Two people's edits of one encrypted file, which git cannot merge, brought together name by name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..config.age import decrypt, find_identities
from ..config.secret_file import Recipient, SecretFile, read_recipients
from ..core.errors import UsageFault
from ..core.runner import Runner
from .changes import Sides

BASE, OURS, THEIRS = 1, 2, 3
"""What git calls the sides of a path that it could not merge (gitrevisions(7))."""


def merge(runner: Runner, file: SecretFile, for_ours: Collection[str], for_theirs: Collection[str]) -> None:
    """Write the file with both sides' changes, and tell git that it is merged.

    Raises UsageFault where it is in no merge, and where both sides changed a name that nobody decided on.
    """
    texts = {side: _text(runner, file, side) for side in (BASE, OURS, THEIRS)}
    base, ours, theirs = (file.parse(texts[side]).values() for side in (BASE, OURS, THEIRS))
    sides = Sides(base, ours, theirs)
    open_names = [name for name in sides.disputed() if name not in for_ours and name not in for_theirs]
    if open_names:
        what = f"both sides changed {', '.join(open_names)}"
        remedy = "say whose value stays, for each: --ours=NAME or --theirs=NAME (in a rebase, ours is the branch below)"
        raise UsageFault(what, where=file.name, remedy=remedy)
    file.save(sides.merged(texts[OURS], for_theirs), base, _recipients(runner, file))
    added = runner.run(["git", "add", "--", *file.paths])
    if not added.ok:
        raise UsageFault("git does not take the merged file", details=added.tail(), remedy="git add it by hand")


def _text(runner: Runner, file: SecretFile, side: int) -> str:
    data = _blob(runner, file.path, side)
    if data is None and side != BASE:
        remedy = "this is for a file that git could not merge: git status shows those"
        raise UsageFault(f"{file.name} has no two sides", remedy=remedy)
    return decrypt(data.encode(), f"{file.name} (side {side})", find_identities()) if data else ""


def _recipients(runner: Runner, file: SecretFile) -> list[Recipient]:
    """Those whom neither side removed, and those whom either side added."""
    path = file.recipients_path
    texts = [_blob(runner, path, side) for side in (BASE, OURS, THEIRS)]
    if texts[1] is None or texts[2] is None:
        return file.recipients
    base, ours, theirs = ({each.key: each for each in read_recipients(text or "", str(path))} for text in texts)
    gone = {key for key in base if key not in ours or key not in theirs}
    return [each for key, each in {**theirs, **ours}.items() if key not in gone]


def _blob(runner: Runner, path: Path, side: int) -> str | None:
    """A side of a path; None where there is none."""
    shown = runner.read(["git", "show", f":{side}:./{path.as_posix()}"])
    return shown.stdout if shown.ok else None
