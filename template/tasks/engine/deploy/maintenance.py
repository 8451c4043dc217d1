"""Maintenance: the front door answers every request itself, and releases can be switched behind it."""

from __future__ import annotations

from typing import Any

from ..core.errors import DeployFault
from .target import Target

TITLE = "Maintenance"
BEHIND = ("/livez", "/readyz", "/startupz", "/version")
"""What the tasks see behind the page: how the service is, and nothing that changes."""
RENEW = "it may be older than this task: deploy --edge makes it anew"


def switch(target: Target, on: bool) -> None:
    """Turn maintenance on or off, as holder of the lock.

    DeployFault where no front door runs, or one from before it knew maintenance.
    """
    if not target.door_runs():
        raise DeployFault("there is no front door that runs", remedy="bring the environment up with up")
    target.set_maintenance(on)
    if is_page(target.ask("/")) != on:
        raise DeployFault("the front door does not do as it is told", where=target.url, remedy=RENEW)


def is_page(answer: tuple[int, Any]) -> bool:
    """Whether an answer, as status and document, is that of maintenance."""
    status, document = answer
    return status == 503 and isinstance(document, dict) and document.get("title") == TITLE
