"""Since when each secret of a release has had its value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from ..config.configuration import Configuration
from .releases import Release
from .target import Target


def secret_days(target: Target, configuration: Configuration, live: Release | None) -> dict[str, str]:
    """The day of each secret's value: by its source where that knows, else of the first release that had it.

    `live` is the release that serves on the target.
    """
    today = datetime.now(timezone.utc).date().isoformat()
    before = live.secrets if live else {}
    days = {}
    for name in configuration.secret_values():
        source = configuration.given.source(name)
        known = source.days.get(name, "") if source else ""
        if not known and live and name in before and not target.secret_changed(live, name):
            known = before[name]
        days[name] = known or today
    return days


def told(days: Mapping[str, str]) -> str:
    """How many secrets there are, and which is the oldest, in words."""
    if not days:
        return "none"
    name = min(days, key=lambda each: (days[each], each))
    return f"{len(days)}, the oldest since {days[name]}: {name}"
