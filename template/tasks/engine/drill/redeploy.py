"""The drill that deploys and rolls back, by the tasks themselves."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from ..core.errors import DeployFault
from ..core.interruption import undisturbed


def redeploy(root: Path, env: str, setting: str) -> None:
    """Deploy with NAME=VALUE, and return: what serves in the end is what served before."""
    deploy = _task(root, "deploy", f"--env={env}", "--set", setting)
    status = None
    try:
        status = deploy.wait()
    finally:
        with undisturbed():
            if status is None:
                deploy.send_signal(signal.SIGINT)
            deployed = deploy.wait() == 0
            returned = deployed and _task(root, "rollback", f"--env={env}").wait() == 0
    if not returned:
        what = "the drill's deploy serves: it could not be rolled back" if deployed else "the drill's deploy failed"
        raise DeployFault(what, where=env, remedy="its own message above says why")


def _task(root: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a task of this service, in a session of its own: Ctrl-C is for the drill to pass on."""
    argv = [sys.executable, "-m", "invoke", *words]
    return subprocess.Popen(argv, cwd=root, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)
