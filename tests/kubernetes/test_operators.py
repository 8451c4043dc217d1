"""Manifests are taken by a real API server that knows the operators' own definitions, and by kubeconform."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_tasks.engine.build.toolchain import find_go

from ..conftest import Render
from .cluster import go_module, kubectl, staging_with
from .schemas import write_schemas

pytestmark = [pytest.mark.kubernetes, pytest.mark.full]

PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
CHAOS_MESH = "github.com/chaos-mesh/chaos-mesh/api@v0.0.0-20260906172039-d70b66ad97ac"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.4.0"
EXTERNAL_SECRETS = "github.com/external-secrets/external-secrets@v0.20.4"
CONTROLLER_GEN = "sigs.k8s.io/controller-tools/cmd/controller-gen@v0.19.0"
"""Makes definitions from Go types: Chaos Mesh's own are in no Go module."""
KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0"
NAMESPACE = "orders-staging"
COMPONENTS = {
    "observability": ("podmonitor", "prometheusrule"),
    "chaos": ("schedule",),
    "httproute": ("httproute",),
    "external-secrets": ("externalsecret",),
}
"""The components that need an operator, and the kinds of theirs."""
SERVICES = [("postgres", "redis"), ("mysql", "none"), ("sqlite", "none"), ("none", "none")]
"""A database and a cache."""


@pytest.fixture(scope="module")
def definitions(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cluster knows the kinds of all operators, and has the namespace."""
    folder = tmp_path_factory.mktemp("definitions")
    for kind in ("podmonitors", "prometheusrules"):
        name = f"monitoring.coreos.com_{kind}.yaml"
        shutil.copyfile(go_module(PROMETHEUS_OPERATOR) / "example/prometheus-operator-crd" / name, folder / name)
    routes = "gateway.networking.k8s.io_httproutes.yaml"
    shutil.copyfile(go_module(GATEWAY_API) / "config/crd/standard" / routes, folder / routes)
    wanted = "external-secrets.io_externalsecrets.yaml"
    shutil.copyfile(go_module(EXTERNAL_SECRETS) / "config/crds/bases" / wanted, folder / wanted)
    types = folder / "types"
    shutil.copytree(go_module(CHAOS_MESH), types)
    subprocess.run(["chmod", "-R", "u+w", types], check=True)
    command = [find_go(), "run", CONTROLLER_GEN, "crd:maxDescLen=0", "paths=./v1alpha1", f"output:crd:dir={folder}"]
    subprocess.run(command, cwd=types, check=True, timeout=900)
    shutil.rmtree(types)
    kubectl("apply", "--server-side", f"--filename={folder}")
    kubectl("wait", "--for=condition=Established", f"--filename={folder}", "--timeout=60s")
    kubectl("create", "namespace", NAMESPACE)
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    kubectl("delete", f"--filename={folder}", "--wait=false")


@pytest.mark.parametrize("component", list(COMPONENTS))
@pytest.mark.parametrize(("database", "cache"), SERVICES)
def test_an_operators_own_definitions_take_the_component(
    rendered: Render, definitions: None, tmp_path: Path, component: str, database: str, cache: str
) -> None:
    overlay = staging_with(component, rendered(database=database, cache=cache, kubernetes=True), tmp_path)

    said = kubectl("apply", f"--kustomize={overlay}", "--dry-run=server", "--validate=strict", "--warnings-as-errors")

    for name in COMPONENTS[component]:
        assert f"{name}." in said


@pytest.fixture(scope="module")
def schemas(definitions: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the cluster knows of every kind, as kubeconform reads it."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(json.loads(kubectl("get", "--raw=/openapi/v2")), folder)
    return folder


def kubeconform(schemas: Path, manifests: str) -> subprocess.CompletedProcess[str]:
    """What kubeconform says of manifests, with everything that no schema knows as an error."""
    where = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [find_go(), "run", KUBECONFORM, "-strict", "-summary", "-output=json", f"-schema-location={where}"]
    return subprocess.run(command, input=manifests, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("component", ["", "ingress", "collector", *COMPONENTS])
@pytest.mark.parametrize(("database", "cache"), SERVICES)
def test_kubeconform_finds_nothing_in_any_environment(
    rendered: Render, schemas: Path, tmp_path: Path, component: str, database: str, cache: str
) -> None:
    service = rendered(database=database, cache=cache, kubernetes=True)
    overlays = sorted((service / "deploy/kubernetes/overlays").iterdir())
    if component:
        overlays = [staging_with(component, service, tmp_path)]

    for overlay in overlays:
        done = kubeconform(schemas, kubectl("kustomize", str(overlay)))

        summary = json.loads(done.stdout)["summary"]
        assert done.returncode == 0, done.stdout
        assert summary["valid"] > 5
        assert summary["skipped"] == 0


def test_kubeconform_finds_a_field_that_no_kind_has(rendered: Render, schemas: Path) -> None:
    overlay = rendered(database="none", kubernetes=True) / "deploy/kubernetes/overlays/staging"
    manifests = kubectl("kustomize", str(overlay)).replace("terminationGracePeriodSeconds", "terminationGraceSeconds")

    done = kubeconform(schemas, manifests)

    assert done.returncode == 1
    assert "terminationGraceSeconds" in done.stdout
