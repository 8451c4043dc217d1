"""Rules of the guard that are put in the place of a release's own while it serves."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import DeployFault, UsageFault
from ..core.waiting import wait_until

FILE, DRAFT = "rules.json", "rules.draft.json"
"""Where a release looks for rules in its folder, and where it is shown them first."""
VARIABLE = "RULES_FILE"
COMMAND = "check-rules"
IN_FORCE = "rules are in force"
"""What the service logs once it holds requests to them."""
PAUSE = 0.1
"""Seconds between two looks at the log."""
APPLY_SECONDS = 15
"""More than the five seconds in which a service looks at the file where nothing tells of changes."""


def wait_in_force(log: Callable[[], str], path: str) -> None:
    """Wait until the log, from when the rules were handed over on, says that those at a path are in force."""

    def said() -> bool:
        return any(IN_FORCE in line and path in line for line in log().splitlines())

    if not wait_until(said, APPLY_SECONDS, PAUSE):
        raise DeployFault(
            f"the service does not say within {APPLY_SECONDS} s that the rules are in force",
            details=[f"log: {line[:300]}" for line in log().splitlines()[-5:]],
        )


def refused(said: list[str]) -> DeployFault:
    """The service does not take the rules: what was in force stays."""
    return DeployFault(
        "the rules are refused",
        where="those that were in force stay",
        details=said,
        remedy="correct what is named, and apply them again",
    )


def looks_nowhere(environment: str) -> UsageFault:
    """The release that serves was started without a place where it looks for rules."""
    return UsageFault(
        "the release that serves has no place where it looks for rules of its own",
        remedy=f"deploy --env={environment} makes one, unless {VARIABLE} says where they are: then change that file",
    )
