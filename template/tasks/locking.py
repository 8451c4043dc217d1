"""The option of all tasks that hold the lock of an environment."""

from __future__ import annotations

from .engine.config.settings import parse_seconds

LOCK_WAIT = {"lock_wait": "seconds to wait for another deploy to end (default: 0)"}


def parse_wait(text: str) -> float:
    """The seconds of --lock-wait; UsageFault where it is no number."""
    return 0 if text == "0" else parse_seconds("--lock-wait", text)
