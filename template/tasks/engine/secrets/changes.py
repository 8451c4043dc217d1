"""What changed between two sets of secrets, by names alone, and two people's changes in one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..config.dotenv import replace_entry


@dataclass(frozen=True)
class Changes:
    """Names that are new, have another value, or are gone."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def lines(self) -> list[str]:
        """One line for each name, for people."""
        marked = (("+", self.added), ("~", self.changed), ("-", self.removed))
        return [f"{mark} {name}" for mark, names in marked for name in names]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What changed."""
    return Changes(
        tuple(name for name in after if name not in before),
        tuple(name for name in after if name in before and after[name] != before[name]),
        tuple(name for name in before if name not in after),
    )


@dataclass(frozen=True)
class Sides:
    """Values as they were before two people changed them, and as each of both left them."""

    base: Mapping[str, str]
    ours: Mapping[str, str]
    theirs: Mapping[str, str]

    def disputed(self) -> list[str]:
        """Names to which both gave another value, and not the same."""
        return sorted(
            name
            for name in {*self.base, *self.ours, *self.theirs}
            if self.base.get(name) != self.ours.get(name) != self.theirs.get(name) != self.base.get(name)
        )

    def merged(self, text: str, for_theirs: Collection[str]) -> str:
        """Our text with what they changed; where both did, ours stays but for the names that are to be theirs."""
        for name in sorted({*self.base, *self.theirs}):
            value, disputed = self.theirs.get(name), name in self.disputed()
            if value != self.base.get(name) and (not disputed or name in for_theirs):
                text = replace_entry(text, name, value)
        return text
