"""What an update came to: for people, for programs, and as an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import BuildFault, MissingFault
from .modules import Raise

UNCHANGED, UPDATED, CONFLICTS, FAILED = "unchanged", "updated", "conflicts", "failed"
PASSED, BROKEN, SKIPPED = "passed", "failed", "skipped"
CONFLICTS_CODE = 7


@dataclass
class Report:
    """The outcome of an update; `former` and `newer` are versions of the template."""

    service: str
    former: str = ""
    newer: str = ""
    outcome: str = UNCHANGED
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    variables: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    modules: list[Raise] = field(default_factory=list)
    build: str = SKIPPED
    test: str = SKIPPED
    branch: str = ""
    changelog: str = ""
    error: str = ""
    code: int = 0

    def document(self) -> dict[str, Any]:
        """The JSON document of `template.update`."""
        return {
            "service": self.service,
            "from": self.former,
            "to": self.newer,
            "outcome": self.outcome,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "conflicts": _reasons(self.conflicts),
            "kept": _reasons(self.kept),
            "variables": self.variables,
            "modules": [module.document() for module in self.modules],
            "checks": {"build": self.build, "test": self.test},
            "branch": self.branch,
            "changelog": self.changelog,
            "error": self.error,
        }

    def fail(self, code: int, error: str) -> None:
        """Note the first thing that is not as it should be, and its exit code; only what does not hold is a failure."""
        if not self.code:
            self.code, self.error = code, error
            self.outcome = {CONFLICTS_CODE: CONFLICTS, MissingFault.code: UPDATED, BuildFault.code: FAILED}[code]

    def lines(self) -> list[str]:
        """The report as lines of text: every file by name, then modules, variables and the changelog."""
        lines = [f"added      {path}" for path in self.added]
        lines += [f"changed    {path}" for path in self.changed]
        lines += [f"removed    {path}" for path in self.removed]
        lines += [f"kept       {path}: {why}" for path, why in self.kept.items()]
        lines += [f"module     {one.path} {one.former or '(new)'} -> {one.newer}" for one in self.modules]
        for environment, names in self.variables.items():
            lines += [f"variable   {name} is new: {environment}" for name in names["added"]]
            lines += [f"variable   {name} is gone: {environment}" for name in names["dropped"]]
        lines += [f"CONFLICT   {path}: {why}" for path, why in self.conflicts.items()]
        if self.changelog:
            lines += ["", f"What changed in the template from {self.former} to {self.newer}:", ""]
            lines += [f"  {line}".rstrip() for line in self.changelog.splitlines()]
        return lines


def _reasons(found: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "why": why} for path, why in sorted(found.items())]
