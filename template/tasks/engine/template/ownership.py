"""Who owns a file: the template, the service since it was made, or the service all along.

The classes are data, in `tasks/ownership.json`, so that a release of the template can move a path from one to another:
an update goes by the file that the new release brings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..core.errors import Fault

FILE = "tasks/ownership.json"
MANAGED, SEEDED, OWNED = "managed", "seeded", "owned"


@dataclass(frozen=True)
class Ownership:
    """Patterns by class. One that ends with a slash means all below that folder; `*` stands for any characters."""

    patterns: Mapping[str, Sequence[str]]

    def owner(self, path: str) -> str:
        """The class of a path: that of the first pattern that fits. What no pattern names is its user's: owned."""
        for kind in (OWNED, SEEDED, MANAGED):
            if any(_fits(path, pattern) for pattern in self.patterns[kind]):
                return kind
        return OWNED

    def classes(self, path: str) -> list[str]:
        """Every class that a pattern puts a path into; one that holds together gives one for all that is rendered."""
        return [kind for kind in self.patterns if any(_fits(path, pattern) for pattern in self.patterns[kind])]


def read_ownership(folder: Path) -> Ownership:
    """The classes of a rendered service; Fault where the file is not there or not what it should be."""
    try:
        patterns = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Ownership({kind: tuple(map(str, patterns[kind])) for kind in (MANAGED, SEEDED, OWNED)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault(f"{FILE} of the template cannot be read: {error}", remedy="restore it in the template") from error


def _fits(path: str, pattern: str) -> bool:
    return path.startswith(pattern) if pattern.endswith("/") else fnmatchcase(path, pattern)
