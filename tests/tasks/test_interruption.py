"""Ctrl-C and SIGTERM reach a task at whatever moment they come, and leave nothing half done that it needs later."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.service import ROOT

SIGNALS = [signal.SIGINT, signal.SIGTERM]
BEGIN = """
import os, queue, signal, sys, time
from pathlib import Path
from service_tasks.engine.core.interruption import interruptible
from service_tasks.engine.core.runner import Runner

def come():
    signal.raise_signal(int(sys.argv[1]))
"""
AT_THE_FORK = """
# Python ignores what is raised within these hooks.
os.register_at_fork(after_in_parent=come)
with interruptible():
    Runner(Path(), False, sys.stderr).run(["sleep", "0.1"])
print("it went on")
"""
AT_A_LOCK = """
class Lock:
    def __init__(self, lock):
        self.acquire, self.release, self.inner = lock.acquire, lock.release, lock
    def __enter__(self):
        self.acquire()
        come()
    def __exit__(self, *_):
        self.release()

pool = queue.LifoQueue()
lock = pool.not_empty._lock = Lock(pool.mutex)
try:
    with interruptible():
        pool.put("a connection")
        pool.get()
        time.sleep(5)
        print("it went on")
finally:
    print("the lock is", "taken" if lock.inner.locked() else "free")
"""
AT_AN_IMPORT = """
sys.path.insert(0, sys.argv[2])
try:
    with interruptible():
        import half
        time.sleep(5)
        print("it went on")
finally:
    print("the module is", "whole" if half.ended else "half a module")
"""
AT_THE_END = """
os.register_at_fork(after_in_parent=come)
with interruptible():
    Runner(Path(), False, sys.stderr).begin(["true"])
print("it went on")
"""


def interrupted(program: str, sign: signal.Signals, *words: str) -> str:
    """What a program prints that a signal ends at a moment of its own choice."""
    argv = [sys.executable, "-c", BEGIN + program, str(int(sign)), *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert "KeyboardInterrupt" in done.stderr.splitlines()[-1], done.stderr
    assert "it went on" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("sign", SIGNALS)
@pytest.mark.parametrize("program", [AT_THE_FORK, AT_THE_END])
def test_a_signal_that_comes_while_a_command_is_started_is_not_lost(program: str, sign: signal.Signals) -> None:
    interrupted(program, sign)


@pytest.mark.parametrize("sign", SIGNALS)
def test_a_signal_that_comes_while_a_lock_is_taken_does_not_leave_it_taken(sign: signal.Signals) -> None:
    assert interrupted(AT_A_LOCK, sign) == "the lock is free\n"


def test_a_signal_that_comes_while_a_module_is_imported_does_not_leave_half_of_it(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("from __main__ import come\ncome()\nended = True\n")

    assert interrupted(AT_AN_IMPORT, signal.SIGINT, str(tmp_path)) == "the module is whole\n"
