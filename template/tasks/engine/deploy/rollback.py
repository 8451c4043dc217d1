"""Which release a rollback returns to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from ..core.errors import DeployFault, UsageFault
from .releases import DONE, KEPT, Deployment, Release, good
from .target import Target


def kept_release_to_return_to(target: Target, records: Sequence[Deployment], live: str, wanted: str = "") -> Release:
    """The release to return to, which the target still has; `live` is the id of what serves, empty where nothing does.

    Raises DeployFault where there is none, and UsageFault where it serves already.
    """
    if not live:
        raise DeployFault("nothing serves, so there is no release to return from", remedy="up starts it again")
    found = release_to_return_to(records, live, wanted)
    if missing := target.missing(found):
        raise DeployFault(
            f"release {found.id} cannot be started again: {missing}",
            remedy=f"git checkout {found.commit[:12]} and deploy it; the last {KEPT} good releases are kept",
        )
    return found


def release_to_return_to(records: Sequence[Deployment], live: str, wanted: str = "") -> Release:
    """The good release with the id or version `wanted`, by default the one before `live`, the id of what serves.

    Raises UsageFault where it serves already, DeployFault where there is none.
    """
    if wanted and wanted == live:
        raise UsageFault(f"release {wanted} serves already", remedy="nothing needs to be done")
    if wanted:
        found = [record.release for record in good(records) if wanted in (record.release.id, record.release.version)]
    else:
        found = [before for before, after in pairwise(_line_of(records)) if after.id == live]
    if not found:
        what = f"there is no release {wanted} to return to" if wanted else "there is no former release to return to"
        raise DeployFault(what, remedy="history lists the releases; a commit can be checked out and deployed")
    return found[0]


def _line_of(deployments: Iterable[Deployment]) -> list[Release]:
    """The releases that led to the one that serves, oldest first.

    A release that somebody rolled back from is not among them, and neither is one that failed.
    """
    line: list[Release] = []
    for deployment in deployments:
        ids = [release.id for release in line]
        if deployment.outcome != DONE:
            continue
        if deployment.release.id in ids:
            del line[ids.index(deployment.release.id) + 1 :]
        else:
            line.append(deployment.release)
    return line
