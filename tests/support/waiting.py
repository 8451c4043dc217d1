"""Waiting for something that is to come true: the one way in which tests look, pause and look again."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 180
"""Seconds after which a test gives up: far more than anything takes."""
PAUSE = 0.005


def until(reached: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Return as soon as it is true; `what` is said, or asked for what to say, where it does not come true."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(PAUSE)
