"""What is merged with what: the template before, the template now, and the service, file by file by their owner.

Git merges three trees well, and loses things in silence where one side has no file. Whatever an update would lose is
taken out of the three trees here, and named instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from .origin import ANSWERS
from .ownership import OWNED, SEEDED, Ownership
from .repository import FILE_MODES, Entry, Tree

MODULES = ("go.mod", "go.sum")
"""Raised by line and never merged: two versions of a go.sum always conflict."""

TAKEN = "the template brings a file of this name; yours was left as it is, and the template's is staged as theirs"
DELETED = "you deleted it, and the template still has it"
LINKED = "it is no ordinary file here, and the template changed it"
NO_LONGER = "you changed it, and the new answers do without it"
WRITTEN_ONCE = "seeded: written when the service was made; the template {}"


@dataclass(frozen=True)
class Versions:
    """The trees that an update knows: the template's former one, its new one with the former answers and with the
    new ones (the same where no answer changes), and the service's own.

    A question that was never answered has its new answer in `kept` already, and in `unasked` its default.
    """

    former: Tree
    unasked: Tree
    kept: Tree
    newer: Tree
    service: Tree


@dataclass
class Sides:
    """The three trees to merge, and what is not merged: paths with the reason, and what the template has there."""

    base: dict[str, Entry] = field(default_factory=dict)
    ours: dict[str, Entry] = field(default_factory=dict)
    theirs: dict[str, Entry] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Renames:
    """Files under another name, by their former one: in the service, and in the template's new version."""

    service: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, str] = field(default_factory=dict)


def plan_sides(versions: Versions, ownership: Ownership, renames: Renames, on_disk: Callable[[str], bool]) -> Sides:
    """The sides of a merge that cannot lose anything unnamed; `on_disk` tells whether a file is there untracked."""
    plan = _Plan(versions, renames, on_disk)
    for path in sorted({*versions.former, *versions.kept, *versions.newer}):
        if path == ANSWERS:
            plan.take(path)
        elif path in MODULES or (owner := ownership.owner(path)) == OWNED:
            continue
        elif owner == SEEDED:
            plan.seeded(path)
        else:
            plan.managed(path)
    for path in (*plan.sides.base, *plan.sides.theirs, *renames.service.values()):
        if path in versions.service:
            plan.sides.ours.setdefault(path, versions.service[path])
    return plan.sides


@dataclass
class _Plan:
    versions: Versions
    renames: Renames
    on_disk: Callable[[str], bool]
    sides: Sides = field(default_factory=Sides)
    suppressed: set[str] = field(default_factory=set)

    def take(self, path: str) -> None:
        """The template's, whatever the service has."""
        if path in self.versions.service:
            self.sides.base[path] = self.versions.service[path]
        self.sides.theirs[path] = self.versions.newer[path]

    def managed(self, path: str) -> None:
        """Merged, unless the service has no such file of the template."""
        self._merge(path, self.versions.former.get(path), self.versions.newer.get(path))

    def seeded(self, path: str) -> None:
        """Changed by new answers alone, and brought by first ones; what another version would change is named."""
        former, kept = self.versions.former.get(path), self.versions.kept.get(path)
        newer, mine = self.versions.newer.get(path), self.versions.service.get(path)
        if newer and path not in self.versions.unasked and not former:
            self._merge(path, None, newer)
        elif kept == newer:
            if former != newer and (mine or not former) and mine != newer:
                what = "changed it" if former and newer else "has it no longer" if former else "has it since"
                self.sides.kept[path] = WRITTEN_ONCE.format(what)
        elif newer is None and mine and mine not in (former, kept):
            self.sides.kept[path] = NO_LONGER
        else:
            unedited = mine is not None and mine == former
            self._merge(path, mine if unedited else kept, newer)

    def _merge(self, path: str, before: Entry | None, after: Entry | None) -> None:
        mine = self.versions.service.get(path)
        if path in self.suppressed:
            return
        if mine is None and before and path not in self.renames.service:
            self._stay_deleted(path, after)
        elif mine is None and after and not before and self._taken(path):
            self.sides.conflicts[path] = TAKEN
        elif mine and after and before is None:
            if mine != after:
                self.sides.conflicts[path] = TAKEN
        elif mine and mine.mode not in FILE_MODES:
            if before != after:
                self.sides.conflicts[path] = LINKED
        else:
            self._put(path, before, after)

    def _stay_deleted(self, path: str, after: Entry | None) -> None:
        moved = self.renames.template.get(path, "")
        if after:
            self.sides.kept[path] = DELETED
        elif moved:
            self.sides.kept[moved] = f"you deleted {path}, which the template now has under this name"
            self.suppressed.add(moved)
            self.sides.theirs.pop(moved, None)

    def _put(self, path: str, before: Entry | None, after: Entry | None) -> None:
        if before:
            self.sides.base[path] = before
        if after:
            self.sides.theirs[path] = after

    def _taken(self, path: str) -> bool:
        """Whether something else is where a new file would go: a file that git does not have, or one in place of a
        folder."""
        parts = path.split("/")
        parents = ("/".join(parts[:count]) for count in range(1, len(parts)))
        below = f"{path}/"
        return (
            self.on_disk(path)
            or any(parent in self.versions.service for parent in parents)
            or any(name.startswith(below) for name in self.versions.service)
        )


def unmerged(collection: Collection[str]) -> str:
    """Why git could not merge a path, by the stages that it has in the index."""
    reasons = {
        ("1", "2", "3"): "the template changed lines that you changed too",
        ("1", "2"): "you changed it, and the template no longer has it",
        ("1", "3"): "you removed or moved it, and the template changed it",
        ("2", "3"): "two files now have this name",
    }
    return reasons.get(tuple(sorted(collection)), "you and the template gave it different names")
