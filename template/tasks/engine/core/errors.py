"""What can go wrong for a reason that the user can mend, each with the exit code of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class Fault(Exception):
    """An error for people: what happened, where, what to do, and details such as log lines.

    Its `code` is the exit code of the command: 1 where no subclass says otherwise. `settled` marks one that says
    already what serves now.
    """

    code = 1
    settled = False

    def __init__(self, what: str, *, where: str = "", remedy: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.details = tuple(details)

    def lines(self) -> list[str]:
        """The message as lines of plain text, without a trailing newline."""
        lines = [f"error: {self.what}"]
        if self.where:
            lines.append(f"  where: {self.where}")
        lines.extend(f"  | {detail}" for detail in self.details)
        if self.remedy:
            lines.append(f"  what to do: {self.remedy}")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


class UsageFault(Fault):
    """Bad usage or configuration."""

    code = 2


class MissingFault(Fault):
    """Something is missing on the machine: Docker, Go, a free port, disk space."""

    code = 3


class EngineGoneFault(MissingFault):
    """The engine that releases run on, or the way to it, has ended; `details` are its last words."""

    def __init__(self, details: Sequence[str]) -> None:
        remedy = "see that it runs and can be reached, and deploy again: that converges from whatever it finds"
        super().__init__("the engine does not answer any more", details=details, remedy=remedy)


class BuildFault(Fault):
    """The binary or the image could not be built."""

    code = 4


class DeployFault(Fault):
    """The deploy failed; the former release, if there was one, still serves."""

    code = 5


class LockedFault(Fault):
    """Another deploy of the same environment is under way."""

    code = 6


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as `did you mean "deploy"?`, or the list of all that is known where nothing comes close."""
    names = sorted(known)
    close = get_close_matches(word, names, n=2, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f'"{name}"' for name in close) + "?"
    return "known: " + ", ".join(names)
