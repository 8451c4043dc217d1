"""What became of one service in a fleet's run, and what a later run may take over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from service_tasks.engine.core.errors import BuildFault, Fault
from service_tasks.engine.core.paths import state_home, write_private

from .fleet_sources import Source

CONFLICTS = 7
"""The exit code of an update that left conflicts."""


@dataclass(frozen=True)
class Result:
    """One service's row: `code` is the exit code that it alone would give, `update` the document of template.update.

    `commit` is the head of `branch` in the service's repository, empty where nothing was put there; `base` is the
    branch that it starts from. `continued` says that it was done by an earlier run. `seconds` are those of this run.
    """

    name: str
    source: str
    code: int = 0
    outcome: str = "unchanged"
    base: str = ""
    branch: str = ""
    commit: str = ""
    note: str = ""
    continued: bool = False
    seconds: float = 0.0
    update: Mapping[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether doing it again would come to the same: a failed build may have had a reason outside the service."""
        return self.code in (0, CONFLICTS)

    @property
    def versions(self) -> str:
        """From which version to which, as far as they are known."""
        before, after = (str(self.update.get(name) or "") for name in ("from", "to"))
        return before if before == after or not after else f"{before or '?'} → {after}"


def judged(result: Result, update: Mapping[str, Any], code: int = 0) -> Result:
    """The result that follows from what an update or a look at a branch has found; `code` is that of the task."""
    broken = [name for name, state in (update.get("checks") or {}).items() if state == "failed"]
    if update.get("conflicts"):
        outcome, code = "conflicts", CONFLICTS
    elif broken:
        outcome, code = f"{broken[0]} failed", BuildFault.code
    else:
        outcome = "not proven" if code else str(update.get("outcome") or "updated")
    return replace(result, update=update, outcome=outcome, code=code)


def failed(result: Result, fault: Fault) -> Result:
    """The result of a service that could not be updated; the note is for people."""
    return replace(result, outcome="failed", code=fault.code, note="\n".join(fault.lines()))


def remember(source: Source, result: Result) -> None:
    """Keep a result for the next run."""
    write_private(_record(source), json.dumps(asdict(result), indent=2))


def recall(source: Source, branch: str, commit: str) -> Result | None:
    """What an earlier run did on a branch whose head is still the commit that it made, if that is final."""
    try:
        result = Result(**json.loads(_record(source).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if (result.branch, result.commit, result.final) != (branch, commit, True):
        return None
    return replace(result, name=source.name, continued=True, seconds=0.0)


def forget(source: Source) -> None:
    """Keep nothing of a source."""
    _record(source).unlink(missing_ok=True)


def _record(source: Source) -> Path:
    return state_home() / "fleet" / f"{source.key}.json"
