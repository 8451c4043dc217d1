"""What keeps a release from coming up is told from the first word of the cluster that makes it certain."""

from __future__ import annotations

from typing import Any

import pytest

from service_tasks.engine.kubernetes.rollout import Seen, fallen, judge

Object = dict[str, Any]


def pod(name: str = "orders-1", conditions: list[Object] | None = None, **container: Any) -> Object:
    """A pod with one container in this state."""
    status: Object = {"conditions": conditions or [], "containerStatuses": [container] if container else []}
    return {"metadata": {"name": name}, "status": status}


def waiting(reason: str, message: str = "", **more: Any) -> Object:
    """A container that does not run."""
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error", **more: Any) -> Object:
    """A container that has ended."""
    return {"lastState": {"terminated": {"exitCode": code, "reason": reason}}, **more}


def seen(*pods: Object, events: tuple[Object, ...] = (), workload: Object | None = None) -> Seen:
    """What the cluster has told."""
    found = Seen("orders", workload=workload or {})
    for each in pods:
        found.take("pods", {"type": "MODIFIED", "object": each})
    for each in events:
        found.take("events", {"type": "ADDED", "object": each})
    return found


def event(reason: str, message: str = "", name: str = "orders-1") -> Object:
    """An event about a pod."""
    return {"reason": reason, "message": message, "involvedObject": {"name": name}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes: too little cpu",
}


@pytest.mark.parametrize(
    ("container", "what", "detail"),
    [
        (waiting("ErrImagePull", "not found: orders"), "the image cannot be pulled", "not found: orders"),
        (waiting("ImagePullBackOff", "Back-off pulling"), "the image cannot be pulled", "Back-off pulling"),
        (waiting("InvalidImageName"), "the image cannot be pulled", "InvalidImageName"),
        (
            waiting("CreateContainerConfigError", "couldn't find key A"),
            "a container cannot be made",
            "couldn't find key A",
        ),
    ],
)
def test_a_container_that_cannot_begin_is_told_with_the_clusters_words(
    container: Object, what: str, detail: str
) -> None:
    cause = judge(seen(pod(**container)), 0)

    assert cause is not None
    assert (cause.what, cause.details, cause.pod, cause.ended) == (what, (detail,), "orders-1", False)


def test_a_release_that_crashes_at_its_start_is_told_with_its_exit_code() -> None:
    cause = judge(seen(pod(**ended(7), **waiting("CrashLoopBackOff"))), 0)

    assert cause is not None
    assert cause.what == "the release exited at its start (exit code 7)"
    assert cause.ended


def test_a_single_restart_is_no_failure() -> None:
    assert judge(seen(pod(**ended(7, restartCount=1), state={"running": {}})), 30) is None


def test_memory_that_ran_out_is_told_at_once() -> None:
    cause = judge(seen(pod(**ended(137, "OOMKilled", restartCount=1), state={"running": {}})), 0)

    assert cause is not None
    assert "memory" in cause.what


def test_a_pod_without_a_node_is_told_with_the_schedulers_words() -> None:
    cause = judge(seen(pod(conditions=[UNSCHEDULABLE])), 4)

    assert cause is not None
    assert cause.details == ("0/1 nodes: too little cpu",)


def test_a_pod_that_waits_for_a_new_node_is_waited_for() -> None:
    found = seen(pod(conditions=[UNSCHEDULABLE]), events=(event("TriggeredScaleUp"),))

    assert judge(found, 30) is None
    assert judge(seen(pod(conditions=[UNSCHEDULABLE])), 1) is None


def test_a_secret_that_is_not_there_is_told() -> None:
    message = 'MountVolume.SetUp failed for volume "secrets": secret "orders-secrets" not found'

    cause = judge(seen(pod(), events=(event("FailedMount", message),)), 0)

    assert cause is not None
    assert cause.details == (message,)


def test_an_event_about_another_pod_is_none_of_ours() -> None:
    assert judge(seen(pod(), events=(event("FailedMount", "not found", name="other"),)), 0) is None


def refused(generation: int) -> Object:
    """A Deployment in its second generation whose pods were refused in another one."""
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: team"}
    return {"metadata": {"generation": 2}, "status": {"observedGeneration": generation, "conditions": [condition]}}


def test_a_quota_that_refuses_pods_is_told() -> None:
    cause = judge(seen(workload=refused(2)), 0)

    assert cause is not None
    assert cause.details == ("exceeded quota: team",)


def test_what_was_refused_before_is_not_held_against_what_is_applied_now() -> None:
    assert judge(seen(workload=refused(1)), 0) is None


def test_a_job_whose_pods_are_refused_is_told() -> None:
    cause = judge(seen(events=(event("FailedCreate", "exceeded quota: team", name="orders"),)), 0)

    assert cause is not None
    assert cause.details == ("exceeded quota: team",)


def test_a_pod_that_is_ready_is_not_held_to_its_past() -> None:
    assert judge(seen(pod(**ended(7, "OOMKilled", restartCount=3), ready=True, state={"running": {}})), 30) is None


READY = [{"type": "Ready", "status": "True"}]


def test_a_release_that_came_up_is_well_while_pods_are_ready_and_none_has_ended_since() -> None:
    once = pod(conditions=READY, **ended(7, restartCount=1), ready=True, state={"running": {}})

    assert fallen(seen(once), {"orders-1": 1}) is None
    cause = fallen(seen(once), {"orders-1": 0})
    assert cause is not None
    assert (cause.what, cause.ended) == ("the release exited (exit code 7)", True)


def test_an_end_counts_before_the_restart_that_follows_it() -> None:
    waits = pod(conditions=READY, **ended(7, restartCount=1), state={"waiting": {"reason": "CrashLoopBackOff"}})
    found = seen(waits, pod("orders-2", READY))

    assert fallen(found, {"orders-1": 1}) is not None
    assert fallen(found, {"orders-1": 2}) is None


def test_a_release_without_a_pod_that_is_ready_is_not_well() -> None:
    found = seen(pod(), pod("orders-2"), events=(event("Unhealthy", "Readiness probe failed: 503"),))

    cause = fallen(found, {})

    assert cause is not None
    assert (cause.what, cause.details) == ("none of its pods is ready", ("orders-1: Readiness probe failed: 503",))


def test_only_pods_of_the_release_are_judged() -> None:
    found = Seen("orders", {"release": "new"})
    for name, release, state in (("orders-1", "old", ended(7, restartCount=3)), ("orders-2", "new", {"ready": True})):
        labelled = pod(name, READY, **state)
        labelled["metadata"]["labels"] = {"release": release}
        found.take("pods", {"type": "ADDED", "object": labelled})

    assert judge(found, 30) is None
    assert fallen(found, {}) is None
    assert found.any_with({"release": "old"})


def test_a_node_that_was_lost_is_told_by_its_name_and_forgotten_once_it_is_back() -> None:
    lost, back = pod(), pod(conditions=READY)
    for each in (lost, back):
        each["spec"] = {"nodeName": "node-2"}
    told = (event("NodeNotReady", "Node is not ready"),)

    cause = judge(seen(lost, events=told), 0)

    assert cause is not None
    assert (cause.what, cause.details) == ("the node node-2 was lost", ("Node is not ready",))
    assert judge(seen(back, events=told), 0) is None


def test_what_probes_have_found_is_told_of_each_pod() -> None:
    events = (event("Unhealthy", "Readiness probe failed: 503"), event("Unhealthy", "Liveness probe failed"))

    assert seen(pod(), events=events).unhealthy() == ["orders-1: Liveness probe failed"]


def deployment(**status: int) -> Object:
    """A Deployment of two pods in its second generation."""
    return {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, True),
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}, False),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, False),
        ({}, False),
    ],
)
def test_a_roll_out_is_done_when_all_pods_are_of_the_release_and_available(status: dict[str, int], done: bool) -> None:
    assert seen(workload=deployment(**status)).done is done
