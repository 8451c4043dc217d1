"""The faults of the drills, each injected into a container and taken back, whatever happens meanwhile.

They go through the engine's API alone, so that they work wherever the engine is.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DeployFault
from ..core.interruption import terminated_like_interrupted, undisturbed
from .engine import PROJECT_LABEL
from .fence import Claim, Fence

if TYPE_CHECKING:
    from docker.models.containers import Container

TURN = 0.1
"""Seconds of the frozen and the running turns of latency: shorter than the front door's probes wait for an answer."""


@contextmanager
def taken_back(claim: Claim) -> Iterator[None]:
    """See to it that a container runs in the end, also after Ctrl-C."""
    try:
        yield
    finally:
        with undisturbed():
            status = claim.state()["Status"]
            if status == "paused":
                claim.unpause()
            elif status not in ("running", "restarting"):
                claim.start()


def kill(fence: Fence, claim: Claim, image: str) -> None:
    """SIGKILL the main process from a helper in the host's process namespace, made of `image`, which must have bash.

    The engine's own kill counts as a stop by hand, after which its restart policy does nothing; and from within its
    namespace the kernel shields a container's first process.
    """
    helper = fence.engine.client.containers.create(
        image,
        ["-c", 'kill -9 "$0"', str(claim.state()["Pid"])],
        name=f"{fence.project}-drill-kill",
        labels={PROJECT_LABEL: fence.project},
        entrypoint=["bash"],
        user="0",
        pid_mode="host",
        userns_mode="host",
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        cap_add=["KILL"],
    )
    try:
        _run(fence, helper)
    finally:
        helper.remove(force=True)


def _run(fence: Fence, helper: Container) -> None:
    with fence.claimed(helper) as claim:
        claim.start()
    status = helper.wait()["StatusCode"]
    if status:
        details = helper.logs().decode(errors="replace").splitlines()[-5:]
        raise DeployFault(f"the drill's helper failed (exit code {status})", where=str(helper.name), details=details)


def freeze(claim: Claim, seconds: float) -> None:
    """Freeze all processes of a container for some seconds."""
    with taken_back(claim):
        claim.pause()
        wait(seconds)


def slow_down(claim: Claim, seconds: float) -> None:
    """Freeze a container in short turns for some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        freeze(claim, TURN)
        wait(TURN)


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


def wait(seconds: float) -> None:
    """Let some seconds pass."""
    threading.Event().wait(seconds)


@contextmanager
def guarded() -> Iterator[None]:
    """Let SIGTERM end a drill as Ctrl-C does, with the fault taken back; what the engine refuses is a DeployFault."""
    from docker.errors import DockerException

    try:
        with terminated_like_interrupted():
            yield
    except DockerException as error:
        raise DeployFault("the engine refuses a part of the drill", details=str(error).splitlines()[-5:]) from error


def _task(root: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a task of this service, in a session of its own: Ctrl-C is for the drill to pass on."""
    argv = [sys.executable, "-m", "invoke", *words]
    return subprocess.Popen(argv, cwd=root, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)
