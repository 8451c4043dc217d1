"""Watching a release on the first host, before the others follow."""

from __future__ import annotations

from ..core.errors import DeployFault
from ..core.waiting import wait_until
from .releases import Release
from .target import Target, fetch_version

PAUSE = 0.5
"""Seconds between two looks."""


def soak(target: Target, slot: str, release: Release, seconds: float) -> None:
    """Watch a release for `seconds`; DeployFault as soon as its slot does not serve, or another build answers."""
    wait_until(lambda: bool(_unsteady(target, slot, release)), seconds, PAUSE)
    ailment = _unsteady(target, slot, release)
    if ailment:
        raise DeployFault("the new release did not stay well", where=target.url, details=ailment)


def _unsteady(target: Target, slot: str, release: Release) -> list[str]:
    """What shows that a release is not well, or that another one answers."""
    answer = fetch_version(target)
    same = answer == (200, release.build.document())
    crashed = [f"{each.process} is not well" for each in target.processes() if each.slot == slot and not each.well]
    return target.ailment(slot) or crashed or ([] if same else [f"/version answers {answer[0]}: {answer[1]}"])
