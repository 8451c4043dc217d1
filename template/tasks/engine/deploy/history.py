"""What was deployed, by host, as `history` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .releases import Deployment
from .target import Target

HEADINGS = ("action", "outcome", "version", "release", "by", "took", "why")


@dataclass(frozen=True)
class Entry:
    """One deploy or rollback on one host; `kept` says whether its release can be returned to."""

    host: str
    deployment: Deployment
    kept: bool

    def document(self) -> dict[str, Any]:
        """The entry as JSON, with its host where there are hosts."""
        return {**({"host": self.host} if self.host else {}), **self.deployment.document()}

    def row(self, with_host: bool) -> tuple[str, ...]:
        """The entry as a line of a table."""
        record = self.deployment
        return (
            record.at[:19].replace("T", " "),
            *([self.host] if with_host else []),
            record.action,
            record.outcome,
            record.release.version,
            record.release.id + (" (kept)" if self.kept else ""),
            record.by,
            f"{record.total:.1f} s",
            record.reason[:60],
        )


def read_history(targets: Sequence[Target]) -> list[Entry]:
    """All entries of all hosts, the newest first."""
    entries = [entry for target in targets for entry in _of(target)]
    return sorted(entries, key=lambda entry: entry.deployment.at, reverse=True)


def _of(target: Target) -> list[Entry]:
    records = target.releases.read()
    releases = {record.release.id: record.release for record in records}
    kept = {id for id, release in releases.items() if not target.missing(release)}
    return [Entry(target.host, record, record.release.id in kept) for record in records]
