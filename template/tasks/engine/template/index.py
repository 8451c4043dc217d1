"""The index of a service's repository: what an update stages, what it leaves in dispute, and the flags of its user."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import LockedFault
from .repository import Repository

NOTHING = "0" * 40
SKIPPED, ASSUMED = "skip-worktree", "assume-unchanged"

Flags = Mapping[str, Sequence[str]]
"""Paths by the flag with which somebody told git not to look at their files."""
Stages = Mapping[str, Sequence[tuple[str, str, bytes]]]
"""For every path in dispute its sides: stage, mode and content."""


@dataclass(frozen=True)
class Index:
    """The index, as far as the service in the repository's folder goes; `prefix` is that folder from the top."""

    repository: Repository
    prefix: str

    def require_unlocked(self) -> None:
        """LockedFault where a git command holds the index, or one that was killed left its lock."""
        lock = self.repository.folder / self.repository.place("rev-parse", "--git-path", "index.lock")
        if lock.exists():
            raise LockedFault(
                "git's index is locked, nothing was changed",
                where=str(lock.resolve()),
                remedy="wait for the git command that holds it; where none runs, one was killed: remove that file",
            )

    def flags(self) -> dict[str, list[str]]:
        """The flags that are set now."""
        entries = [entry for entry in os.fsdecode(self.repository.run("ls-files", "-v", "-z")).split("\0") if entry]
        return {
            SKIPPED: [entry[2:] for entry in entries if entry[0] in "Ss"],
            ASSUMED: [entry[2:] for entry in entries if entry[0].islower()],
        }

    def stage(self, paths: Iterable[str]) -> None:
        """Put files in as they are, removed ones too; flags would have git look away, so they are set again after."""
        wanted = set(paths)
        flags = {flag: sorted(wanted & set(flagged)) for flag, flagged in self.flags().items()}
        for flag, flagged in flags.items():
            self._update(f"--no-{flag}", paths=flagged)
        self._update("--add", "--remove", paths=wanted)
        self._set(flags)

    def dispute(self, stages: Stages) -> None:
        """Leave paths unmerged, as `git merge` does."""
        lines = []
        for path, sides in stages.items():
            lines.append(f"0 {NOTHING}\t{self.prefix}{path}\0")
            for stage, mode, content in sides:
                lines.append(f"{mode} {self.repository.keep(content)} {stage}\t{self.prefix}{path}\0")
        self._replace(lines)

    def put_back(self, paths: Iterable[str], flags: Flags) -> None:
        """Make paths what the commit has, with the flags that they had."""
        tree = self.repository.tree("HEAD")
        lines = []
        for path in paths:
            full = f"{self.prefix}{path}"
            lines.append(f"0 {NOTHING}\t{full}\0")
            if full in tree:
                lines.append(f"{tree[full].mode} {tree[full].blob}\t{full}\0")
        self._replace(lines)
        self.repository.call("update-index", "-q", "--refresh")
        self._set(flags)

    def _set(self, flags: Flags) -> None:
        there = {path for path, stage, _ in self.repository.staged() if stage == "0"}
        for flag, flagged in flags.items():
            self._update(f"--{flag}", paths=there.intersection(flagged))

    def _update(self, *options: str, paths: Iterable[str]) -> None:
        given = "".join(f"{path}\0" for path in sorted(paths))
        self.repository.run("update-index", *options, "-z", "--stdin", given=os.fsencode(given))

    def _replace(self, lines: Sequence[str]) -> None:
        self.repository.run("update-index", "-z", "--index-info", given=os.fsencode("".join(lines)))
