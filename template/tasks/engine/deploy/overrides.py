"""What is put in the place of a release's own while it serves, and ends with it: rules of the guard, and plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..config.settings import Settings
from ..core.errors import DeployFault, UsageFault
from ..core.waiting import wait_until

PAUSE = 0.1
"""Seconds between two looks at the log."""
APPLY_SECONDS = 15
"""More than the five seconds in which a service looks at files where nothing tells of changes."""
SILENT_LEVEL = "error"
"""The LOG_LEVEL at which the service does not say what is in force."""


@dataclass(frozen=True)
class Override:
    """Something of a release that can be changed: what it is, and how the service is told and asked.

    `place` is a file or folder of the release, which the service finds by `variable`; its `command` says whether a
    draft of it is right, and `in_force` is what it logs of it.
    """

    what: str
    variable: str
    place: PurePosixPath
    command: str
    in_force: str

    @property
    def draft(self) -> PurePosixPath:
        """Where the service is shown it first."""
        return self.place.with_name(f"draft-{self.place.name}")


RULES = Override("rules", "RULES_FILE", PurePosixPath("rules.json"), "check-rules", "rules are in force")
PLUGINS = Override("plugins", "PLUGINS_DIR", PurePosixPath("plugins"), "check-plugins", "plugins are in force")

Content = Mapping[str, bytes]
"""The files of an override by their names in its place; where the place itself is a file, that is called ""."""


@dataclass(frozen=True)
class Change:
    """An override with what it is to be; `sign` stands in the service's log line once that is in force."""

    override: Override
    content: Content
    sign: str = ""

    def files(self, place: PurePosixPath) -> dict[str, bytes]:
        """The files, by their paths with the place that they are put in."""
        return {str(place / name): data for name, data in self.content.items()}

    def wait_in_force(self, log: Callable[[], str], path: str, values: Mapping[str, str]) -> str:
        """Wait until the log, from when the files were handed over on, says that those at a path are in force.

        `values` are the service's environment. Gives what there is to add where it cannot say so.
        """
        if values.get("LOG_LEVEL") == SILENT_LEVEL:
            return f"; with LOG_LEVEL={SILENT_LEVEL} the service does not say since when"

        def said() -> bool:
            return any(all(word in line for word in (self.override.in_force, path, self.sign)) for line in lines())

        def lines() -> list[str]:
            return log().splitlines()

        if wait_until(said, APPLY_SECONDS, PAUSE):
            return ""
        raise DeployFault(
            f"the service does not say within {APPLY_SECONDS} s that the {self.override.what} are in force",
            details=[f"log: {line[:300]}" for line in lines()[-5:]],
        )

    def refused(self, said: list[str]) -> DeployFault:
        """The service does not take it: what was in force stays."""
        return DeployFault(
            f"the {self.override.what} are refused",
            where="those that were in force stay",
            details=said,
            remedy="correct what is named, and apply them again",
        )

    def looks_nowhere(self, environment: str) -> UsageFault:
        """The release that serves was started without a place where it looks for it."""
        what = self.override.what
        return UsageFault(
            f"the release that serves has no place where it looks for {what} of its own",
            remedy=f"deploy --env={environment} makes one, unless {self.override.variable} says where they are: then "
            "change what is there",
        )


def variables(folder: str, settings: Settings) -> dict[str, str]:
    """The variables by which a release of a service finds its overrides in its folder."""
    answers = {RULES: settings.guard, PLUGINS: settings.plugins}
    return {each.variable: f"{folder}/{each.place}" for each, answer in answers.items() if answer != "none"}
