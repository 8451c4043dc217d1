"""Waiting for something that can only be looked at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def let_pass(seconds: float) -> None:
    """Let some seconds pass; Ctrl-C ends it."""
    threading.Event().wait(seconds)


def wait_until(reached: Callable[[], bool], timeout: float, pause: float) -> bool:
    """Whether it is reached at once, or at a look within `timeout` seconds; `pause` seconds pass between two looks."""
    deadline = time.monotonic() + timeout
    clock = threading.Event()
    while not reached():
        if time.monotonic() >= deadline:
            return False
        clock.wait(pause)
    return True
