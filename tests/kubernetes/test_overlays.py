"""Every overlay and component, with each database, is taken by kustomize and by a real API server, unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Render
from .cluster import RESTRICTED, kubectl, staging_with

pytestmark = [pytest.mark.kubernetes]

DATABASES = ("postgres", "mysql", "sqlite", "none")
ENVIRONMENTS = ("dev", "staging", "prod")


@pytest.fixture(scope="module", autouse=True)
def namespaces(cluster: None) -> Iterator[None]:
    """The namespaces of the example's environments, which hold pods to Pod Security."""
    for name in ENVIRONMENTS:
        kubectl("create", "namespace", f"orders-{name}")
        kubectl("label", "namespace", f"orders-{name}", RESTRICTED, RESTRICTED.replace("enforce", "warn"))
    yield
    for name in ENVIRONMENTS:
        kubectl("delete", "namespace", f"orders-{name}", "--wait=false")


def taken(folder: Path) -> str:
    """What the API server says of a kustomization, with a warning as a refusal; nothing is made."""
    return kubectl("apply", f"--kustomize={folder}", "--dry-run=server", "--warnings-as-errors")


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_overlay_is_taken_as_it_is(rendered: Render, database: str, name: str) -> None:
    folder = rendered(database=database, kubernetes=True) / "deploy/kubernetes/overlays" / name

    said = taken(folder)

    assert "deployment.apps/orders created (server dry run)" in said
    assert ("job.batch/orders-migrate" in said) == (database != "none")
    assert ("horizontalpodautoscaler" in said) == (database != "sqlite")


def test_the_overlay_of_a_service_with_a_cache_is_taken_as_it_is(rendered: Render) -> None:
    folder = rendered(database="postgres", cache="redis", kubernetes=True) / "deploy/kubernetes/overlays/staging"

    assert "deployment.apps/orders created (server dry run)" in taken(folder)


@pytest.mark.parametrize("component", ["observability", "chaos", "external-secrets"])
def test_what_needs_an_operator_is_a_component_of_an_overlay(rendered: Render, tmp_path: Path, component: str) -> None:
    overlay = staging_with(component, rendered(database="postgres", kubernetes=True), tmp_path)

    said = kubectl("kustomize", str(overlay))

    kinds = {
        "observability": ("PodMonitor", "PrometheusRule"),
        "chaos": ("Schedule",),
        "external-secrets": ("ExternalSecret",),
    }
    for kind in kinds[component]:
        assert f"kind: {kind}\n" in said
    assert "namespace: orders-staging" in said


@pytest.mark.parametrize("component", ["ingress", "httproute"])
def test_a_way_in_from_outside_is_a_component_of_an_overlay(rendered: Render, tmp_path: Path, component: str) -> None:
    overlay = staging_with(component, rendered(database="none", kubernetes=True), tmp_path)

    said = kubectl("kustomize", str(overlay)) if component == "httproute" else taken(overlay)

    assert {"ingress": "ingress.networking.k8s.io/orders", "httproute": "kind: HTTPRoute"}[component] in said


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_rights_of_a_deployer_are_taken_as_they_are(rendered: Render, name: str) -> None:
    said = taken(rendered(database="none", kubernetes=True) / "deploy/kubernetes/access" / name)

    assert "rolebinding.rbac.authorization.k8s.io/deployer created" in said


@pytest.mark.parametrize("database", DATABASES)
def test_a_collector_is_a_component_of_an_overlay(rendered: Render, tmp_path: Path, database: str) -> None:
    overlay = staging_with("collector", rendered(database=database, kubernetes=True), tmp_path)

    said = taken(overlay)

    for name in ("deployment.apps/orders-collector", "service/collector", "service/orders-pods"):
        assert f"{name} created" in said


def test_instrumentation_by_ebpf_has_a_namespace_of_its_own(rendered: Render) -> None:
    folder = rendered(database="none", kubernetes=True) / "deploy/kubernetes/instrumentation"
    kubectl("create", "namespace", "orders-instrumentation")
    try:
        kubectl("label", "namespace", "orders-instrumentation", "pod-security.kubernetes.io/enforce=privileged")
        said = kubectl("apply", f"--kustomize={folder}", "--dry-run=server")
    finally:
        kubectl("delete", "namespace", "orders-instrumentation", "--wait=false")

    assert "daemonset.apps/obi created" in said
