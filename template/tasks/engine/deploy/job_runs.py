"""The last run of a job, wherever it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class JobRun:
    """A run of a job: times as RFC 3339 in UTC. `lost` is one that has not ended and that nobody hears of any more."""

    due_at: str
    host: str
    started_at: str
    ended_at: str = ""
    exit_code: int | None = None
    lost: bool = False

    @property
    def failed(self) -> bool:
        """Whether it has ended otherwise than it should."""
        return self.lost or bool(self.exit_code)

    def described(self) -> str:
        """The run in a cell of a table."""
        if self.lost:
            return f"lost, with {self.host}: due {self.due_at}"
        if not self.ended_at:
            return f"runs on {self.host} since {self.started_at}"
        return f"failed (exit code {self.exit_code}) at {self.ended_at}" if self.failed else f"done at {self.ended_at}"

    def document(self) -> dict[str, Any]:
        """The run as the JSON of `status` shows it."""
        return asdict(self)


def read_runs(text: str) -> dict[str, JobRun]:
    """The last runs by job, from what the service's command `jobs` prints; none where it prints something else."""
    try:
        found: Any = json.loads(text)
        return {str(each["job"]): _run(each) for each in found or []}
    except (ValueError, TypeError, KeyError):
        return {}


def seconds_only(moment: str | None) -> str:
    """A time without the fractions of its second; empty where there is none."""
    return f"{moment[:19]}Z" if moment else ""


def _run(found: dict[str, Any]) -> JobRun:
    times = {name: seconds_only(found[name]) for name in ("due_at", "started_at", "ended_at")}
    return JobRun(host=str(found["host"]), exit_code=found["exit_code"], lost=bool(found["lost"]), **times)
