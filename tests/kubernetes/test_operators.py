"""What the components for operators hold is taken by a real API server that knows those operators' own definitions."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_tasks.engine.build.toolchain import find_go

from ..conftest import Render
from .cluster import go_module, kubectl, staging_with

pytestmark = [pytest.mark.kubernetes, pytest.mark.full]

PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
CHAOS_MESH = "github.com/chaos-mesh/chaos-mesh/api@v0.0.0-20260906172039-d70b66ad97ac"
CONTROLLER_GEN = "sigs.k8s.io/controller-tools/cmd/controller-gen@v0.19.0"
"""Makes definitions from Go types: Chaos Mesh's own are in no Go module."""
NAMESPACE = "orders-staging"


@pytest.fixture(scope="module")
def definitions(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cluster knows the kinds of both operators, and has the namespace."""
    folder = tmp_path_factory.mktemp("definitions")
    for kind in ("podmonitors", "prometheusrules"):
        name = f"monitoring.coreos.com_{kind}.yaml"
        shutil.copyfile(go_module(PROMETHEUS_OPERATOR) / "example/prometheus-operator-crd" / name, folder / name)
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


@pytest.mark.parametrize("component", ["observability", "chaos"])
@pytest.mark.parametrize(("database", "cache"), [("postgres", "redis"), ("mysql", "none"), ("none", "none")])
def test_an_operators_own_definitions_take_the_component(
    rendered: Render, definitions: None, tmp_path: Path, component: str, database: str, cache: str
) -> None:
    overlay = staging_with(component, rendered(database=database, cache=cache, kubernetes=True), tmp_path)

    said = kubectl("apply", f"--kustomize={overlay}", "--dry-run=server", "--validate=strict", "--warnings-as-errors")

    for name in {"observability": ("podmonitor", "prometheusrule"), "chaos": ("schedule",)}[component]:
        assert f"{name}." in said
