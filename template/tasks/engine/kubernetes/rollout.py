"""Whether a release's pods come up, judged from what the cluster tells as it happens: events, not a time-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import DeployFault
from .cluster import Object

PULLS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
CONFIGS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
WORKLOADS = ("deployments", "statefulsets")
SCALES_UP = "TriggeredScaleUp"
"""The reason of an event: an autoscaler gets a node for a pod that has none."""
PATIENCE = 3.0
"""Seconds that an autoscaler has to say so, before a pod without a node is told."""
OUT_OF_MEMORY = "OOMKilled"
RESTARTS = 2
"""A release that has ended this often does not start: once may be bad luck, as with what it depends on."""


@dataclass(frozen=True)
class Cause:
    """Why a release does not come up, in words; `pod` is the one that shows it, `ended` whether its log tells more."""

    what: str
    details: tuple[str, ...] = ()
    pod: str = ""
    ended: bool = False
    remedy: str = ""

    def fault(self, log: list[str]) -> DeployFault:
        """The cause as a fault, with the last lines of the pod's log."""
        return DeployFault(self.what, where=self.pod, details=[*self.details, *log], remedy=self.remedy)


@dataclass
class Seen:
    """What the cluster has told so far of a workload, such as a Deployment, and of pods.

    Those with `labels` are to come up; others are seen as well where they are to go.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    workload: Object = field(default_factory=dict)
    pods: dict[str, Object] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)

    def take(self, kind: str, change: Mapping[str, Any]) -> None:
        """Learn of a change; `kind` is that of a watch."""
        found = change["object"]
        if kind in WORKLOADS:
            self.workload = found
        elif kind == "events":
            self.events.append(found)
        elif change["type"] == "DELETED":
            self.pods.pop(found["metadata"]["name"], None)
        else:
            self.pods[found["metadata"]["name"]] = found

    @property
    def own(self) -> dict[str, Object]:
        """The pods that are to come up, by name."""
        return {name: pod for name, pod in self.pods.items() if _has(pod, self.labels)}

    def any_with(self, labels: Mapping[str, str]) -> bool:
        """Whether there are pods with these labels, those that are about to end included."""
        return any(_has(pod, labels) for pod in self.pods.values())

    def ends(self) -> dict[str, int]:
        """How often the containers of each own pod have ended."""
        return {name: sum(map(_ends, _containers(pod))) for name, pod in self.own.items()}

    @property
    def current(self) -> bool:
        """Whether the status is that of what was applied last."""
        observed = self.workload.get("status", {}).get("observedGeneration", 0)
        return bool(self.workload) and observed >= self.workload.get("metadata", {}).get("generation", 1)

    @property
    def wanted(self) -> int:
        """How many pods there are to be."""
        return int(self.workload.get("spec", {}).get("replicas", 1))

    @property
    def done(self) -> bool:
        """Whether all pods are of this release, and available."""
        status = self.workload.get("status", {})
        numbers = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        return self.current and self.wanted > 0 and all(number == self.wanted for number in numbers)

    def unhealthy(self) -> list[str]:
        """What probes have found, in the cluster's words, the newest of each pod."""
        found = {name: _events_of(name, self, "Unhealthy") for name in self.own}
        return [f"{name}: {events[-1].get('message', '')}" for name, events in found.items() if events]


def judge(seen: Seen, seconds: float) -> Cause | None:
    """What keeps the release from coming up, for certain; `seconds` have passed since it was started."""
    refused = _refused(seen)
    if refused:
        remedy = "mend the quota, the policy or the manifest that it names"
        return Cause("the cluster does not admit the release's pods", (refused,), remedy=remedy)
    causes = [cause for pod in seen.own.values() if (cause := _of_pod(pod, seen, seconds))]
    return causes[0] if causes else None


def fallen(seen: Seen, before: Mapping[str, int]) -> Cause | None:
    """What shows that a release is not well that had come up: `before` is how often its pods had ended by then."""
    staying = {name: pod for name, pod in seen.own.items() if not pod["metadata"].get("deletionTimestamp")}
    ends = seen.ends()
    for name, pod in staying.items():
        ended = [cause for each in _containers(pod) if (cause := _of_end(each, name))]
        if ended and ends[name] > before.get(name, 0):
            return ended[0]
    if not any(ready(pod) for pod in staying.values()):
        return Cause("none of its pods is ready", tuple(seen.unhealthy()))
    return None


def _refused(seen: Seen) -> str:
    """Why pods of the workload, or of the Job, cannot be made; empty where they can."""
    failure = _condition(seen.workload, "ReplicaFailure") if seen.current else {}
    if failure.get("status") == "True":
        return str(failure.get("message", ""))
    events = _events_of(seen.name, seen, "FailedCreate")
    return str(events[-1].get("message", "")) if events and not seen.workload else ""


def _of_pod(pod: Object, seen: Seen, seconds: float) -> Cause | None:
    name = pod["metadata"]["name"]
    status = pod.get("status", {})
    if status.get("reason") in ("NodeLost", "Evicted"):
        return Cause(f"a pod was lost: {status['reason']}", (status.get("message", ""),), name)
    for container in _containers(pod):
        cause = _of_container(container, name)
        if cause:
            return cause
    return _unscheduled(pod, seen, seconds) or _unmounted(name, seen) or _without_node(pod, seen)


def _of_container(container: Object, pod: str) -> Cause | None:
    if container.get("ready"):
        return None
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in PULLS:
        remedy = "see that the registry has the image and lets the cluster's nodes read it (imagePullSecrets)"
        return Cause("the image cannot be pulled", (message or reason,), pod, remedy=remedy)
    if reason in CONFIGS:
        return Cause("a container cannot be made", (message or reason,), pod, remedy="mend what it names")
    again = reason == "CrashLoopBackOff" or container.get("restartCount", 0) >= RESTARTS
    return (
        _of_end(container, pod, "at its start ")
        if again or _last_end(container).get("reason") == OUT_OF_MEMORY
        else None
    )


def _of_end(container: Object, pod: str, when: str = "") -> Cause | None:
    """Why a container has ended; None where it has not."""
    ended = _last_end(container)
    if ended.get("reason") == OUT_OF_MEMORY:
        remedy = "use less, or raise the memory limit in an overlay"
        return Cause("killed because its memory ran out", (), pod, ended=True, remedy=remedy)
    return Cause(f"the release exited {when}(exit code {ended['exitCode']})", (), pod, ended=True) if ended else None


def _containers(pod: Object) -> list[Object]:
    found: list[Object] = pod.get("status", {}).get("containerStatuses", [])
    return found


def _last_end(container: Object) -> Object:
    """How a container has ended the last time; empty where it has not."""
    states = (container.get(name, {}).get("terminated") for name in ("state", "lastState"))
    return next((ended for ended in states if ended), {})


def _ends(container: Object) -> int:
    """How often a container has ended: a restart is counted when it happens, which may be a while later."""
    away = _last_end(container) and "running" not in container.get("state", {})
    return int(container.get("restartCount", 0)) + bool(away)


def _unscheduled(pod: Object, seen: Seen, seconds: float) -> Cause | None:
    placed = _condition(pod, "PodScheduled")
    if placed.get("status") != "False" or placed.get("reason") != "Unschedulable" or seconds < PATIENCE:
        return None
    if _events_of(pod["metadata"]["name"], seen, SCALES_UP):
        return None
    remedy = "free what it names, or ask for less in an overlay"
    return Cause("no node takes the pod", (placed.get("message", ""),), pod["metadata"]["name"], remedy=remedy)


def _unmounted(pod: str, seen: Seen) -> Cause | None:
    for event in _events_of(pod, seen, "FailedMount"):
        if "not found" in event.get("message", ""):
            return Cause("a pod lacks what it mounts", (event["message"],), pod, remedy="make what it names")
    return None


def _without_node(pod: Object, seen: Seen) -> Cause | None:
    """The node's controller tells of a pod that was ready when it has lost its node."""
    events = [] if ready(pod) else _events_of(pod["metadata"]["name"], seen, "NodeNotReady")
    node = pod.get("spec", {}).get("nodeName", "")
    remedy = f"see what has become of it: kubectl describe node {node}"
    words = [str(event.get("message", "")) for event in events[-1:]]
    return Cause(f"the node {node} was lost", tuple(words), pod["metadata"]["name"], remedy=remedy) if events else None


def _has(pod: Object, labels: Mapping[str, str]) -> bool:
    found: Mapping[str, str] = pod["metadata"].get("labels", {})
    return labels.items() <= found.items()


def _events_of(name: str, seen: Seen, reason: str) -> list[Object]:
    found = [event for event in seen.events if event.get("involvedObject", {}).get("name") == name]
    return [event for event in found if event.get("reason") == reason]


def _condition(found: Object, kind: str) -> Object:
    conditions: list[Object] = found.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def ready(pod: Object) -> bool:
    """Whether a pod gets requests."""
    return _condition(pod, "Ready").get("status") == "True" and not pod["metadata"].get("deletionTimestamp")
