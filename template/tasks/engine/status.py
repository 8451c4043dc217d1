"""The state of an environment as one document."""

from __future__ import annotations

from typing import Any

from .maintenance import is_on
from .target import Target, deployment_in, fetch_json


def read_status(target: Target, service: str, env: str) -> dict[str, Any]:
    """The document of `status --json`.

    `state` is serving (a release answers as ready), degraded (one is switched to and does not), down (there are
    records and nothing runs) or absent (nothing was ever deployed).
    """
    slots = target.slots()
    live = target.live_slot()
    deployment = deployment_in(target, live)
    return {
        "service": service,
        "env": env,
        "target": target.name,
        "state": _state(target, live, any(state.state == "running" for state in slots), target.deployed_before()),
        "url": target.url,
        "maintenance": is_on(target),
        "release": deployment.summary() if deployment else None,
        "slots": [state.document() for state in slots],
    }


def _state(target: Target, live: str, running: bool, known: bool) -> str:
    if live and fetch_json(f"{target.url}/readyz")[0] == 200:
        return "serving"
    if live or running:
        return "degraded"
    return "down" if known else "absent"
