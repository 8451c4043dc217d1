"""Each release that cannot come up in a cluster is told by its cause at once, and the former one goes on serving."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from ..support.service import EXIT, kept, serving_does
from ..support.waiting import until
from .cluster import ServiceInCluster
from .ghost import ghost, run

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]

SOON = 5.0
"""Seconds from what makes it certain until it is told."""
PATCH = "patches:\n  - target: {{kind: Deployment}}\n    patch: |\n      - {{op: {}, path: {}, value: {}}}\n"
CONTAINER = "/spec/template/spec/containers/0"


@contextmanager
def patched(service: ServiceInCluster, op: str, path: str, value: str) -> Iterator[None]:
    """A patch of staging's Deployment, meanwhile."""
    overlay = service.folder / "deploy/kubernetes/overlays/staging/kustomization.yaml"
    with kept(overlay):
        service.add_to_overlay(PATCH.format(op, path, value))
        yield


@contextmanager
def former_serves(service: ServiceInCluster) -> Iterator[None]:
    """What serves before serves afterwards, by as many pods."""
    service.deploy()
    before = service.get("/version").body
    yield
    assert service.get("/version").body == before
    assert service.status()["state"] == "serving"


def fails(service: ServiceInCluster, events: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A deploy that has to fail with exit code 5."""
    done = service.invoke("deploy", "--env=staging", f"--events={events}", *words)
    assert done.returncode == 5, done.stdout + done.stderr
    return done


def told_at(events: Path, step: str = "healthy") -> float:
    """When a step was told to have failed."""
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    found = next(line for line in lines if line.get("step") == step and line.get("state") == "failed")
    return seconds(found["at"])


def seconds(text: str) -> float:
    """A time as seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def first_event(service: ServiceInCluster, reason: str, since: float) -> float:
    """When the cluster first told of something after a time."""
    found = service.read("events")["items"]
    times = [each["firstTimestamp"] or each["eventTime"] for each in found if each["reason"] == reason]
    return min(at for at in map(seconds, times) if at >= int(since))


MISSING = "{name: KEY, valueFrom: {secretKeyRef: {name: nobodys, key: KEY}}}"
CASES = {
    "an image that cannot be pulled": (
        ("replace", f"{CONTAINER}/image", "127.0.0.1:9/nothing/there:1"),
        ("the image cannot be pulled", "127.0.0.1:9"),
        "Failed",
    ),
    "a pod that no node takes": (
        ("replace", f"{CONTAINER}/resources", '{requests: {cpu: "900"}}'),
        ("no node takes the pod", "Insufficient cpu"),
        "FailedScheduling",
    ),
    "a secret that is not there": (
        ("add", f"{CONTAINER}/env/-", MISSING),
        ("a container cannot be made", 'secret "nobodys" not found'),
        "Failed",
    ),
    "a volume that is not there": (
        ("replace", "/spec/template/spec/volumes/1", "{name: secrets, configMap: {name: nobodys}}"),
        ("a pod lacks what it mounts", 'configmap "nobodys" not found'),
        "FailedMount",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_cluster_tells_of_a_pod_is_told_at_once(service: ServiceInCluster, tmp_path: Path, case: str) -> None:
    change, words, reason = CASES[case]
    events, begun = tmp_path / "events", time.time()

    with former_serves(service), patched(service, *change):
        done = fails(service, events)

    assert [word for word in words if word not in done.stderr] == []
    assert told_at(events) - first_event(service, reason, begun) < SOON


def test_pods_that_a_quota_refuses_are_told_at_once(service: ServiceInCluster, tmp_path: Path) -> None:
    events = tmp_path / "events"
    with former_serves(service):
        begun = time.time()
        service.kubectl("create", "quota", "few", f"--hard=pods={len(service.pods())}")
        try:
            done = fails(service, events, "--set=LOG_LEVEL=error")
        finally:
            service.kubectl("delete", "quota", "few")

    assert "the cluster does not admit the release's pods" in done.stderr
    assert "exceeded quota: few" in done.stderr
    assert told_at(events) - first_event(service, "FailedCreate", begun) < SOON


ON_GHOST = """patches:
  - target: {{kind: Deployment}}
    patch: |
      - {{op: add, path: /spec/template/spec/nodeSelector, value: {{kubernetes.io/hostname: {0}}}}}
      - {{op: add, path: /spec/template/spec/tolerations, value: [{{key: copier-gin.tests, operator: Exists}}]}}
"""


@pytest.mark.full  # Kubernetes takes the better part of a minute to miss a node.
def test_a_node_that_is_not_heard_of_any_more_is_told_at_once(service: ServiceInCluster, tmp_path: Path) -> None:
    name, events = f"ghost-of-{service.folder.name}", tmp_path / "events"
    overlay = service.folder / "deploy/kubernetes/overlays/staging/kustomization.yaml"

    def there() -> list[str]:
        return [pod["metadata"]["name"] for pod in service.pods() if pod["spec"].get("nodeName") == name]

    with former_serves(service), kept(overlay), ghost(name):
        service.add_to_overlay(ON_GHOST.format(name))
        begun = time.time()
        deploy = service.start("deploy", "--env=staging", f"--events={events}", "--timeout=150")
        until(lambda: bool(there()), "no pod comes to the node")
        run(there()[0], service.namespace)
        _, errors = deploy.communicate(timeout=120)
    service.kubectl("delete", "pods", f"--field-selector=spec.nodeName={name}", "--grace-period=0", "--force")

    assert deploy.returncode == 5, errors
    assert f"the node {name} was lost" in errors
    assert told_at(events) - first_event(service, "NodeNotReady", begun) < SOON


def test_memory_that_runs_out_is_told(service: ServiceInCluster, tmp_path: Path) -> None:
    eat = "eaten := make([]byte, 1<<30)\n\t\tfor i := range eaten {\n\t\t\teaten[i] = 1\n\t\t}\n\t\tprintln(len(eaten))"
    with former_serves(service), serving_does(service, eat):
        done = fails(service, tmp_path / "events")

    assert "killed because its memory ran out" in done.stderr


def test_a_crash_at_the_start_is_told_with_exit_code_and_last_words(service: ServiceInCluster, tmp_path: Path) -> None:
    events, begun = tmp_path / "events", time.time()
    crash = f'println("the last words")\n\t\t{EXIT}'
    with former_serves(service), serving_does(service, crash):
        done = fails(service, events)

    assert "exited at its start (exit code 7)" in done.stderr
    assert "the last words" in done.stderr
    assert told_at(events) - first_event(service, "BackOff", begun) < SOON


def test_a_release_that_ends_while_the_former_one_drains_goes_back_by_itself(service: ServiceInCluster) -> None:
    service.deploy("--set=DRAIN_LEAD=8s")
    before = service.get("/version").body
    router, answer = "internal/app/router.go", "c.JSON(http.StatusOK, r.build)"
    dies = 'if c.Query("die") != "" {\n\t\t\tprintln("the last words")\n\t\t\tos.Exit(7)\n\t\t}'
    with kept(service.folder / router):
        service.edit(router, answer, f"{dies}\n\t\t{answer}")
        service.edit(router, "import (", 'import (\n\t"os"')
        deploy = service.start("deploy", "--env=staging")
        assert deploy.stdout
        next(line for line in deploy.stdout if line.startswith("✓ verify"))
        service.get("/version?die=now")
        _, errors = deploy.communicate(timeout=120)

    assert deploy.returncode == 5, errors
    assert "the new release died after it had been given the traffic" in errors
    assert "exited (exit code 7)" in errors
    assert "the last words" in errors
    assert service.get("/version").body == before
    assert service.status()["state"] == "serving"


def test_a_release_that_is_never_ready_is_told_with_what_probes_found(
    service: ServiceInCluster, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    with former_serves(service), patched(service, "replace", f"{CONTAINER}/startupProbe/httpGet/path", "/nowhere"):
        begun = time.time()
        done = fails(service, path, "--timeout=8")

    assert "was not healthy within 8 s" in done.stderr
    assert "404" in done.stderr
    assert told_at(path) - begun < 60
