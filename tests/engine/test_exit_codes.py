"""A process that has ended is told with its exit code."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from service_tasks.engine.core.processes import Processes

from ..support.waiting import until

EXIT = {"x86_64": 60, "aarch64": 93}
"""The number of the system call that ends one thread."""
FIRST_THREAD_ENDS = """
import ctypes, os, threading, time

def end_later():
    time.sleep(0.5)
    os._exit(7)

threading.Thread(target=end_later).start()
ctypes.CDLL(None).syscall({number}, 0)
"""


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in EXIT, reason="no such system call is known")
def test_the_exit_code_is_waited_for_where_a_thread_outlives_the_first_one(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    script = FIRST_THREAD_ENDS.replace("{number}", str(EXIT[platform.machine()]))
    processes.spawn("app", [sys.executable, "-c", script], dict(os.environ), port=0)

    until(lambda: not processes.alive("app"), "its first thread does not end")

    assert processes.exit_code("app") == 7


def test_a_process_of_another_task_has_no_exit_code(tmp_path: Path) -> None:
    assert Processes(tmp_path).exit_code("app") is None
