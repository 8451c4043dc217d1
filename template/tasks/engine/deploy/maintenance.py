"""Maintenance: the front door answers every request itself, and releases can be switched behind it.

HAProxy keeps it in a map that its runtime API changes, and in the map's file for a restart; the process target's front
door looks for a file.
"""

from __future__ import annotations

from ..core.errors import DeployFault
from ..core.network import fetch_json
from ..docker.relay import HELD
from ..docker.target import DockerTarget
from ..process.target import ProcessTarget
from .target import Target

MAP = "/var/lib/edge/maintenance.map"
TITLE = "Maintenance"
WRITE = f'token=$1; {HELD} && printf "state %s\\n" "$0" >{MAP}'


def is_on(target: Target) -> bool:
    """Whether the front door answers with the maintenance page; False where it does not run."""
    if isinstance(target, ProcessTarget):
        return target.door.maintenance.exists()
    if not isinstance(target, DockerTarget) or not target.stack.running("edge"):
        return False
    return 'value="on"' in target.stack.ask_edge(f"get map {MAP} state")


def switch(target: Target, on: bool) -> None:
    """Turn maintenance on or off, as holder of the lock.

    DeployFault where no front door runs, or one from before it knew maintenance.
    """
    if not _runs(target):
        raise DeployFault("there is no front door that runs", remedy="bring the environment up with up")
    if isinstance(target, ProcessTarget):
        flag = target.door.maintenance
        flag.touch() if on else flag.unlink(missing_ok=True)
    elif isinstance(target, DockerTarget):
        _switch_map(target, "on" if on else "off")
    if _page_is_shown(target) != on:
        raise DeployFault("the front door does not do as it is told", where=target.url, remedy=RENEW)


RENEW = "it may be older than this task: deploy --edge makes it anew"


def _switch_map(target: DockerTarget, state: str) -> None:
    """First what counts now, then what a restart reads: a failure in between is told, and can be repeated."""
    if refusal := target.stack.tell_edge(f"set map {MAP} state {state}").strip():
        raise DeployFault("the front door knows no maintenance", details=[refusal], remedy=RENEW)
    fence = target.stack.fence
    try:
        target.stack.engine.execute(target.stack.require("edge"), ["bash", "-c", WRITE, state, fence.token])
    except DeployFault:
        fence.require()
        raise


def _runs(target: Target) -> bool:
    if isinstance(target, DockerTarget):
        return target.stack.running("edge")
    return isinstance(target, ProcessTarget) and target.door.alive()


def _page_is_shown(target: Target) -> bool:
    status, document = fetch_json(f"{target.probe_url}/")
    return status == 503 and isinstance(document, dict) and document.get("title") == TITLE
