"""What a slot is in, by its container and by the front door's statistics, and which one serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..deploy.target import SlotState
from ..edge.runtime_api import Traffic

if TYPE_CHECKING:
    from docker.models.containers import Container


def slot_state(slot: str, container: Container | None, seen: Traffic | None) -> SlotState:
    """A slot's state; `seen` is what the edge says of its traffic, None where there is no edge to ask."""
    if container is None:
        return SlotState(slot, "empty")
    release = container.labels.get("copier-gin.release", "")
    if container.status != "running":
        return SlotState(slot, "stopped", release=release)
    health = (container.attrs["State"].get("Health") or {}).get("Status", "")
    state, in_flight = (seen.state, seen.in_flight) if seen else ("", 0)
    return SlotState(slot, "running", health, state, in_flight, release)


def live_of(states: Sequence[SlotState], recorded: Mapping[str, str]) -> str:
    """The slot that requests go to, empty where there is none; `recorded` is when each good release was deployed.

    That is the one which the edge serves; while none is ready, as without a database, it is the running one whose
    release was recorded last.
    """
    running = [state for state in states if state.state == "running"]
    serving = [state for state in running if state.traffic.startswith("UP")]
    candidates = serving or [state for state in running if state.release in recorded]
    live = max(candidates, key=lambda state: recorded.get(state.release, ""), default=None)
    return live.slot if live else ""
