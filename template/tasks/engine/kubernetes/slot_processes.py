"""What a release runs beside the service: Deployments and CronJobs, which take over from those of the former one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..build.image import path_in_image
from ..config.process_types import ProcessType
from ..core.errors import UsageFault
from ..deploy.job_runs import JobRun, seconds_only
from ..deploy.target import ProcessState
from .cluster import Cluster, Object, selector
from .manifests import FOLDER, PROCESS, RELEASE, SERVICE, Manifests, in_slot, name_of, pod_template
from .wait import deployment_wait

DUE = "batch.kubernetes.io/cronjob-scheduled-timestamp"
"""The annotation of a Job with the time that it was made for."""


def require_processes(manifests: Manifests, types: Sequence[ProcessType]) -> None:
    """UsageFault where the overlay does not run just what invoke.yaml names."""
    found = {process_of(each): each for each in manifests.processes}
    for each in types:
        if each.name not in found:
            what = f"the overlay runs no process {each.name}, which invoke.yaml names"
            remedy = "./inv kubernetes.processes writes its component, and names it in the overlays"
            raise UsageFault(what, where=str(FOLDER), remedy=remedy)
        own, theirs = _told(each, manifests.service), _shown(found[each.name])
        if own != theirs:
            what = f"the process {each.name} is another one in invoke.yaml than in its component"
            details = [f"invoke.yaml: {own}", f"component: {theirs}"]
            raise UsageFault(what, where=str(FOLDER), details=details, remedy="give both the same")
    for name in sorted(set(found) - {each.name for each in types}):
        remedy = "name it there as well, or leave its component out of the overlay"
        raise UsageFault(f"the overlay runs a process {name} that invoke.yaml lacks", where=str(FOLDER), remedy=remedy)


def take_over(cluster: Cluster, service: str, kept: Sequence[Object], slot: str, timeout: float) -> None:
    """Roll what runs beside the service to what a release has kept; what it has not goes.

    DeployFault with the cause where one does not come up within `timeout` seconds.
    """
    wanted = [in_slot(each, slot) for each in kept]
    waits = [deployment_wait(cluster, each) for each in wanted if each["kind"] == "Deployment"]
    try:
        if wanted:
            cluster.apply(wanted)
        for wait in waits:
            wait.until_done(timeout)
    finally:
        for wait in waits:
            wait.close()
    remove(cluster, running(cluster, service), kept)


def remove(cluster: Cluster, found: Sequence[Object], but: Sequence[Object] = ()) -> None:
    """Remove Deployments and CronJobs, but for some."""
    kept = {(each["kind"], name_of(each)) for each in but}
    for kind in ("Deployment", "CronJob"):
        names = [name_of(each) for each in found if each["kind"] == kind and (kind, name_of(each)) not in kept]
        cluster.delete(kind.lower(), *names)


def running(cluster: Cluster, service: str) -> list[Object]:
    """What runs the processes beside the service, of whatever release."""
    labels = {SERVICE: service}
    done = cluster.run("get", "deployments,cronjobs", f"--selector={selector(labels)}", "--output=json")
    # A deployer whose rights are from before there were jobs has none.
    found = json.loads(done.stdout)["items"] if done.ok else cluster.all_of("deployments", labels)
    return [each for each in found if PROCESS in each["metadata"]["labels"]]


def states(
    cluster: Cluster, at: tuple[str, str], kept: Sequence[Object], found: Sequence[Object]
) -> list[ProcessState]:
    """What there is, and what should be, of a release; `at` is its slot and its id, `found` what runs."""
    own = {name_of(each): each for each in found if each["metadata"]["labels"].get(RELEASE) == at[1]}
    scheduled = any(each["kind"] == "CronJob" for each in kept)
    jobs = cluster.all_of("jobs", {SERVICE: kept[0]["metadata"]["labels"][SERVICE]}) if scheduled else []
    return [_state(at, each, own.get(name_of(each)), jobs) for each in kept]


def process_of(workload: Object) -> str:
    """The type of process that a workload runs."""
    return str(workload["metadata"]["labels"][PROCESS])


def _state(at: tuple[str, str], kept: Object, found: Object | None, jobs: Sequence[Object]) -> ProcessState:
    slot, release = at
    if kept["kind"] == "CronJob":
        there, last = int(found is not None), _last_run(name_of(kept), jobs)
        return ProcessState(process_of(kept), slot, 1, there, there, release, kept["spec"]["schedule"], last)
    shown, status = found or kept, (found or {}).get("status", {})
    current = status.get("observedGeneration", 0) >= shown["metadata"].get("generation", 0)
    running, healthy = (status.get(name, 0) if current else 0 for name in ("updatedReplicas", "availableReplicas"))
    return ProcessState(process_of(kept), slot, shown["spec"].get("replicas", 1), running, healthy, release)


def _last_run(name: str, jobs: Sequence[Object]) -> JobRun | None:
    """The newest Job of a CronJob; its pods have exit codes, which go with them: 1 stands for any failure."""
    own = [each for each in jobs if any(owner["name"] == name for owner in each["metadata"].get("ownerReferences", []))]
    newest = max(own, key=lambda each: str(each["metadata"].get("annotations", {}).get(DUE, "")), default=None)
    if newest is None:
        return None
    status, metadata = newest.get("status", {}), newest["metadata"]
    ended = {each["type"]: each for each in status.get("conditions", []) if each["status"] == "True"}
    end = ended.get("Complete") or ended.get("Failed") or {}
    code = None if not end else 0 if "Complete" in ended else 1
    due = metadata.get("annotations", {}).get(DUE, metadata["creationTimestamp"])
    return JobRun(
        seconds_only(due), name_of(newest), status.get("startTime", ""), end.get("lastTransitionTime", ""), code
    )


def _told(wanted: ProcessType, service: str) -> str:
    program, *words = wanted.command
    times = f" at {wanted.schedule}" if wanted.schedule else ""
    return f"{' '.join([path_in_image(program, service), *words])}{times}"


def _shown(workload: Object) -> str:
    container = pod_template(workload)["spec"]["containers"][0]
    words = [str(word) for name in ("command", "args") for word in container.get(name, [])]
    times = f" at {workload['spec']['schedule']}" if workload["kind"] == "CronJob" else ""
    return f"{' '.join(words)}{times}"
