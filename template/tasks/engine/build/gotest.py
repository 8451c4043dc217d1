"""The command line of a service's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .gobuild import TAGS

PROFILE = Path("dist", "coverage.out")
"""What of the code the last tests with --cover have run, for `go tool cover -html`."""
INTEGRATION = "integration"
"""The tag of tests of the whole service with its servers."""


def plan_tests(go: str, race: bool, cover: bool, integration: bool, words: Sequence[str]) -> list[str]:
    """The arguments of `go test`; `words` are the user's own, by default all packages."""
    tags = f"{TAGS},{INTEGRATION}" if integration else TAGS
    options = [*(["-race"] if race else []), *(["-coverprofile", PROFILE.as_posix()] if cover else [])]
    # A server may be another one than the last time: what was found then says nothing.
    options += ["-count=1"] if integration else []
    return [go, "test", "-tags", tags, *options, *(words or ["./..."])]


def plan_coverage(go: str) -> list[str]:
    """What tells how much of each function was run, and in the last line of all."""
    return [go, "tool", "cover", "-func", PROFILE.as_posix()]
