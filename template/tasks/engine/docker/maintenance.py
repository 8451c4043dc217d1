"""Maintenance at HAProxy: a map that its runtime API changes, and the map's file for a restart."""

from __future__ import annotations

from ..core.errors import DeployFault
from ..deploy.maintenance import RENEW
from .relay import HELD
from .stack import Stack

MAP = "/var/lib/edge/maintenance.map"
WRITE = f'token=$1; {HELD} && printf "state %s\\n" "$0" >{MAP}'


def is_on(stack: Stack) -> bool:
    """Whether the map says so; False where the front door does not run."""
    return stack.running("edge") and 'value="on"' in stack.ask_edge(f"get map {MAP} state")


def switch(stack: Stack, on: bool) -> None:
    """First what counts now, then what a restart reads: a failure in between is told, and can be repeated."""
    state = "on" if on else "off"
    if refusal := stack.tell_edge(f"set map {MAP} state {state}").strip():
        raise DeployFault("the front door knows no maintenance", details=[refusal], remedy=RENEW)
    try:
        stack.engine.execute(stack.require("edge"), ["bash", "-c", WRITE, state, stack.fence.token])
    except DeployFault:
        stack.fence.require()
        raise
