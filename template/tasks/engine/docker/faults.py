"""The faults of the drills, each injected into a container and taken back, whatever happens meanwhile.

They go through the engine's API alone, so that they work wherever the engine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ..core.errors import DeployFault, UsageFault
from ..core.interruption import undisturbed
from ..core.waiting import let_pass
from .engine import PROJECT_LABEL
from .errors import faults_told
from .fence import Claim, Fence
from .stack import Stack

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
        let_pass(seconds)


def slow_down(claim: Claim, seconds: float) -> None:
    """Freeze a container in short turns for some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        freeze(claim, TURN)
        let_pass(TURN)


@contextmanager
def container_fault(stack: Stack, drill: str, container: Container) -> Iterator[Callable[[float], None]]:
    """A drill's fault in a container that is claimed meanwhile, and runs in the end."""
    with faults_told(), stack.fence.claimed(container) as claim, taken_back(claim):
        injections: Mapping[str, Callable[[float], None]] = {
            "kill": lambda _: kill(stack.fence, claim, str(stack.require("edge").attrs["Image"])),
            "pause": partial(freeze, claim),
            "latency": partial(slow_down, claim),
            "restart-database": lambda _: claim.restart(),
        }
        yield injections[drill]


def service_of(drill: str, live: str, with_database: bool) -> str:
    """The service of the stack that a drill breaks; `live` is the slot that serves.

    UsageFault where the stack has no such service.
    """
    if drill == "restart-database" and not with_database:
        raise UsageFault("the stack has no database of its own", remedy="drill.kill shows how a restart is survived")
    database = drill == "restart-database" or (drill == "latency" and with_database)
    return "database" if database else f"app-{live}"
