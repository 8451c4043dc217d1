"""Several clusters are deployed to one after the other, and all go back where one fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..support.service import change
from .cluster import CONTEXT, RESTRICTED, ServiceInCluster, kubectl
from .second_cluster import CONTEXT as SECOND
from .second_cluster import SecondCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def second(
    make_in_cluster: Callable[..., ServiceInCluster], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServiceInCluster, str]]:
    """A service that was deployed to two clusters, and its namespace in the second one."""
    service = make_in_cluster()
    found = SecondCluster(tmp_path_factory.mktemp("second"), service.namespace)
    service.env["KUBECONFIG"] = str(found.kubeconfig)
    service.edit("invoke.yaml", f"contexts: [{CONTEXT}]", f"contexts: [{CONTEXT}, {SECOND}]\n    soak_seconds: 1")
    service.commit("Deploy to two clusters")
    kubectl("create", "namespace", found.namespace)
    kubectl("label", "namespace", found.namespace, RESTRICTED)
    try:
        service.deploy()
        yield service, found.namespace
    finally:
        kubectl("delete", "namespace", found.namespace, "--wait=false")
        found.stop()


def releases(second: tuple[ServiceInCluster, str]) -> list[set[str]]:
    """The releases of all pods that serve, in each cluster."""
    service, namespace = second
    return [
        {
            pod["metadata"]["labels"]["copier-gin.release"]
            for pod in json.loads(kubectl("get", "pods", "--output=json", namespace=name))["items"]
            if not pod["metadata"].get("deletionTimestamp")
        }
        for name in (service.namespace, namespace)
    ]


def steps_of(output: str) -> list[tuple[str, str]]:
    """The steps that were done: where, empty for those of all clusters, and what."""
    lines = [line.split() for line in output.splitlines() if line.startswith("✓")]
    return [(words[1], words[2]) if words[1] in (CONTEXT, SECOND) else ("", words[1]) for words in lines]


def test_one_image_is_built_and_the_second_cluster_follows_once_the_first_one_was_watched(
    second: tuple[ServiceInCluster, str],
) -> None:
    service, _ = second
    before = releases(second)
    change(service)
    service.commit()

    done = service.deploy()

    steps = steps_of(done.stdout)
    assert [where for where, step in steps if step in ("image", "soak")] == ["", CONTEXT]
    assert steps.index((CONTEXT, "soak")) < steps.index((SECOND, "start"))
    first, other = releases(second)
    assert first == other
    assert first.isdisjoint(before[0])
    status = service.status()
    assert [(each["host"], each["state"]) for each in status["hosts"]] == [(CONTEXT, "serving"), (SECOND, "serving")]

    back = service.invoke("rollback", "--env=staging")

    assert back.returncode == 0, back.stderr
    assert releases(second) == before


def test_a_release_that_the_second_cluster_refuses_is_taken_back_from_both(
    second: tuple[ServiceInCluster, str], tmp_path: Path
) -> None:
    service, namespace = second
    before = releases(second)
    kubectl("create", "quota", "few", "--hard=pods=2", namespace=namespace)
    try:
        done = service.invoke("deploy", "--env=staging", "--set=LOG_LEVEL=warn")
    finally:
        kubectl("delete", "quota", "few", namespace=namespace)

    assert done.returncode == 5, done.stdout + done.stderr
    assert "1 of 2 hosts failed" in done.stderr
    assert "exceeded quota: few" in done.stderr
    assert f"{CONTEXT}: returned to " in done.stderr
    assert releases(second) == before
    assert service.status()["state"] == "serving"
