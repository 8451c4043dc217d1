"""Ctrl-C and SIGTERM reach a deploy at whatever moment they come."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from ..support.service import ROOT

AT_THE_FORK = """
import os, signal, sys
from pathlib import Path
from service_tasks.engine.core.interruption import terminated_like_interrupted
from service_tasks.engine.core.runner import Runner

# Python ignores what is raised within these hooks.
os.register_at_fork(after_in_parent=lambda: signal.raise_signal(int(sys.argv[1])))
with terminated_like_interrupted():
    Runner(Path(), False, sys.stderr).run(["sleep", "0.1"])
print("it went on")
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_a_command_is_started_is_not_lost(sign: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_FORK, str(int(sign))], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert "KeyboardInterrupt" in done.stderr.splitlines()[-1]
    assert "it went on" not in done.stdout
