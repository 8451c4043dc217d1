"""Rules of a service in a cluster are changed by a ConfigMap, and no pod is started anew for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.waiting import until
from .cluster import ServiceInCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow, pytest.mark.full]
ONE_AN_HOUR = {"resource": "POST /v1/orders", "threshold": 1, "statIntervalInMs": 3_600_000, "burst": 1}


def apply(service: ServiceInCluster, folder: Path, text: str) -> None:
    """Do what docs/work.md says."""
    path = folder / "rules.json"
    path.write_text(text)
    words = ["create", "configmap", f"{service.folder.name}-rules", f"--from-file={path}", "--dry-run=client"]
    service.kubectl("apply", "--filename=-", feed=service.kubectl(*words, "--output=yaml"))


def taken(service: ServiceInCluster, number: int) -> int:
    """How many of some orders are taken."""
    return sum(service.post("/v1/orders", {"sku": "A-1", "quantity": 1}).status == 201 for _ in range(number))


def test_rules_of_a_config_map_come_into_force_and_wrong_ones_change_nothing(
    make_in_cluster: Callable[..., ServiceInCluster], tmp_path: Path
) -> None:
    service = make_in_cluster(guard="rules")
    service.deploy()
    pods = {pod["metadata"]["name"] for pod in service.pods()}
    assert taken(service, 5) == 5

    apply(service, tmp_path, json.dumps({"flow": [ONE_AN_HOUR]}))
    until(lambda: taken(service, 5) == 0, "the rules do not come into force")
    apply(service, tmp_path, json.dumps({"flow": [{**ONE_AN_HOUR, "threshold": -1}]}))
    until(lambda: "rules are refused" in service.kubectl("logs", f"deployment/{service.folder.name}"), "nobody tells")

    assert taken(service, 20) == 0
    assert {pod["metadata"]["name"] for pod in service.pods()} == pods
