"""A switch between releases that is under way: how long it may take, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass

from .releases import Deployment


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a slot has to become healthy, and requests under way to finish."""

    healthy: float
    drain: float


@dataclass
class Attempt:
    """How far a switch has come: what has to be undone where it fails."""

    deployment: Deployment
    slot: str
    switched: bool = False
