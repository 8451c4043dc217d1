"""Fixtures: a cluster that answers, a registry that it pulls from, and services that are deployed to it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service_tasks.engine.core.network import free_port

from ..hosts.remote_hosts import Registry
from ..support.service import Service
from .cluster import ServiceInCluster, kubectl, why_no_cluster

REQUIRED = os.environ.get("REQUIRE_KUBERNETES") == "1"


@pytest.fixture(scope="session")
def cluster() -> None:
    """Skip where no cluster answers, unless REQUIRE_KUBERNETES=1 makes that an error."""
    reason = why_no_cluster()
    if reason and REQUIRED:
        pytest.fail(f"no cluster answers: {reason}")
    if reason:
        pytest.skip(f"no cluster answers (REQUIRE_KUBERNETES=1 makes this an error): {reason}")


@pytest.fixture(scope="session")
def registry(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of this machine, without TLS, which both Docker and containerd take on the loopback."""
    if not shutil.which("docker-registry"):
        pytest.fail("docker-registry is missing") if REQUIRED else pytest.skip("docker-registry is missing")
    found = Registry(tmp_path_factory.mktemp("registry"), free_port(), [])
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def make_in_cluster(
    registry: Registry, make_service: Callable[..., Service], base_images: dict[str, str]
) -> Callable[..., ServiceInCluster]:
    """Make services whose staging is in the cluster; not yet deployed."""

    def make(**answers: Any) -> ServiceInCluster:
        service = make_service("docker", ServiceInCluster, **{"database": "none", "kubernetes": True, **answers})
        assert isinstance(service, ServiceInCluster)
        service.use(f"{registry.address}/tests")
        service.make_namespace()
        service.commit("Deploy to the cluster")
        return service

    return make


@pytest.fixture(scope="module")
def service(make_in_cluster: Callable[..., ServiceInCluster]) -> ServiceInCluster:
    """A service without a database that was deployed."""
    made = make_in_cluster()
    made.deploy()
    return made


@pytest.fixture(scope="module")
def volumes(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], None]]:
    """Make a volume of the node for who claims one: the cluster has nothing that would."""
    made: list[str] = []

    def make() -> None:
        folder = tmp_path_factory.mktemp("volume") / "data"
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        folder.parent.chmod(0o755)
        name = f"tests-{folder.parent.parent.name}-{folder.parent.name}".lower().replace("_", "-")
        spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": str(folder)}}
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
        kubectl("create", "--filename=-", feed=json.dumps(volume))
        made.append(name)

    yield make
    for name in made:
        kubectl("delete", "persistentvolume", name, "--wait=false")
