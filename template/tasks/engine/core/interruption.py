"""Ctrl-C and SIGTERM: both end a task in the same way, and neither disturbs what puts things back."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
LATER = 0.01
"""Seconds until an interruption that came at a bad moment is tried again."""
_CONDITION = ("__enter__", "__exit__", "_release_save", "_acquire_restore")
_WHOLE = {getattr(threading.Condition, name).__code__ for name in _CONDITION} | {subprocess.Popen.__init__.__code__}
_IMPORT = "<frozen importlib._bootstrap>"


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt, but not in the middle of what Python cannot take up again.

    A lock that is just being taken would stay taken, and whoever wants it next would wait for ever: a connection pool
    has one for all threads, each import one. While a process is started, Python loses what is raised.
    """
    handlers = {**dict.fromkeys(ENDING, _interrupt), signal.SIGALRM: _try_again}
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        waiting, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing interrupt what happens within; another thread than the main one hears of no signal anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(_signal: int, frame: FrameType | None) -> None:
    if _half_done(frame):
        signal.setitimer(signal.ITIMER_REAL, LATER)
    else:
        raise KeyboardInterrupt


def _try_again(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def _half_done(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _WHOLE or frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False
