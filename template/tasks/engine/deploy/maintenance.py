"""Maintenance: the front door answers every request itself, and releases can be switched behind it."""

from __future__ import annotations

from ..core.errors import DeployFault
from ..core.network import fetch_json
from .target import Target

TITLE = "Maintenance"
RENEW = "it may be older than this task: deploy --edge makes it anew"


def switch(target: Target, on: bool) -> None:
    """Turn maintenance on or off, as holder of the lock.

    DeployFault where no front door runs, or one from before it knew maintenance.
    """
    if not target.door_runs():
        raise DeployFault("there is no front door that runs", remedy="bring the environment up with up")
    target.set_maintenance(on)
    if _page_is_shown(target) != on:
        raise DeployFault("the front door does not do as it is told", where=target.url, remedy=RENEW)


def _page_is_shown(target: Target) -> bool:
    status, document = fetch_json(f"{target.probe_url}/")
    return status == 503 and isinstance(document, dict) and document.get("title") == TITLE
