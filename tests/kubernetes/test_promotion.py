"""`bake_env: false` in a cluster: prod runs the image that staging has run, by the same digest."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ..hosts.remote_hosts import Registry
from .cluster import CONTEXT, RESTRICTED, ServiceInCluster, kubectl

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(registry: Registry, make_in_cluster: Callable[..., ServiceInCluster]) -> ServiceInCluster:
    """A service whose staging and prod are namespaces of the cluster, and share one image."""
    made = make_in_cluster()
    settings = f"target: kubernetes\n    contexts: [{CONTEXT}]\n    registry: {registry.address}/tests\n"
    made.edit("invoke.yaml", "  prod:\n    target: docker\n", f"  prod:\n    {settings}")
    made.edit("invoke.yaml", "bake_env: true", "bake_env: false")
    (made.folder / ".env.prod.local").write_text((made.folder / ".env.staging.local").read_text())
    made.commit("Promote one image")
    return made


@pytest.fixture
def prod(service: ServiceInCluster) -> str:
    """The namespace of prod."""
    name = f"{service.folder.name}-prod"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, RESTRICTED)
    return name


def test_prod_runs_the_digest_that_staging_has_run(
    service: ServiceInCluster, prod: str, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: kubectl("delete", "namespace", prod, "--wait=false"))
    early = service.invoke("deploy", "--env=prod")
    assert (early.returncode, "staging has published no image of commit" in early.stderr) == (3, True), early.stderr

    service.deploy()
    done = service.invoke("deploy", "--env=prod", "--json")

    assert done.returncode == 0, done.stderr
    images = {pod["spec"]["containers"][0]["image"] for pod in service.pods()}
    in_prod = json.loads(kubectl("get", "deployment", service.folder.name, "--output=json", namespace=prod))
    assert images == {in_prod["spec"]["template"]["spec"]["containers"][0]["image"]}
    assert "@sha256:" in images.pop()
    versions = [json.loads(kubectl("get", "--raw", f"{proxy(service, name)}/version")) for name in ("staging", "prod")]
    assert [version.pop("env") for version in versions] == ["staging", "prod"]
    assert versions[0] == versions[1]


def proxy(service: ServiceInCluster, env: str) -> str:
    """The way to an environment's Service by the API server."""
    name = service.folder.name
    return f"/api/v1/namespaces/{name}-{env}/services/http:{name}:http/proxy"
