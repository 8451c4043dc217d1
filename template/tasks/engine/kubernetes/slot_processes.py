"""What a release runs beside the service: Deployments of its own, which take over from those of the former release."""

from __future__ import annotations

from collections.abc import Sequence

from ..config.process_types import ProcessType
from ..core.errors import UsageFault
from ..deploy.target import ProcessState
from .cluster import Cluster, Object
from .manifests import FOLDER, PROCESS, RELEASE, SERVICE, Manifests, in_slot, name_of
from .wait import deployment_wait


def require_processes(manifests: Manifests, types: Sequence[ProcessType]) -> None:
    """UsageFault where the overlay does not run just what invoke.yaml names."""
    found = {process_of(each): each for each in manifests.processes}
    for each in types:
        if each.name not in found:
            what = f"the overlay runs no process {each.name}, which invoke.yaml names"
            remedy = "./inv kubernetes.processes writes its component, and names it in the overlays"
            raise UsageFault(what, where=str(FOLDER), remedy=remedy)
        own, theirs = " ".join(each.command[1:]), " ".join(_words(found[each.name]))
        if own != theirs:
            what = f"the process {each.name} has other words in invoke.yaml than in its Deployment"
            details = [f"invoke.yaml: {own}", f"Deployment: {theirs}"]
            raise UsageFault(what, where=str(FOLDER), details=details, remedy="give both the same")
    for name in sorted(set(found) - {each.name for each in types}):
        remedy = "name it there as well, or leave its component out of the overlay"
        raise UsageFault(f"the overlay runs a process {name} that invoke.yaml lacks", where=str(FOLDER), remedy=remedy)


def take_over(cluster: Cluster, service: str, kept: Sequence[Object], slot: str, timeout: float) -> None:
    """Roll what runs beside the service to what a release has kept; what it has not goes.

    DeployFault with the cause where one does not come up within `timeout` seconds.
    """
    wanted = [in_slot(each, slot) for each in kept]
    waits = [deployment_wait(cluster, each) for each in wanted]
    try:
        if wanted:
            cluster.apply(wanted)
        for wait in waits:
            wait.until_done(timeout)
    finally:
        for wait in waits:
            wait.close()
    gone = {name_of(each) for each in running(cluster, service)} - {name_of(each) for each in kept}
    cluster.delete("deployment", *sorted(gone))


def running(cluster: Cluster, service: str) -> list[Object]:
    """The Deployments of all processes beside the service."""
    found = cluster.all_of("deployments", {SERVICE: service})
    return [each for each in found if PROCESS in each["metadata"]["labels"]]


def states(slot: str, release: str, kept: Sequence[Object], found: Sequence[Object]) -> list[ProcessState]:
    """What there is, and what should be, of a release in a slot."""
    own = {name_of(each): each for each in found if each["metadata"]["labels"].get(RELEASE) == release}
    return [_state(slot, release, each, own.get(name_of(each))) for each in kept]


def process_of(workload: Object) -> str:
    """The type of process that a workload runs."""
    return str(workload["metadata"]["labels"][PROCESS])


def _state(slot: str, release: str, kept: Object, found: Object | None) -> ProcessState:
    spec, status = (found or kept)["spec"], (found or {}).get("status", {})
    current = status.get("observedGeneration", 0) >= (found or kept)["metadata"].get("generation", 0)
    well = status.get("availableReplicas", 0) if current else 0
    return ProcessState(
        process_of(kept), slot, spec.get("replicas", 1), status.get("updatedReplicas", 0), well, release
    )


def _words(workload: Object) -> list[str]:
    containers = workload["spec"]["template"]["spec"]["containers"]
    return [str(word) for word in containers[0].get("args", [])]
