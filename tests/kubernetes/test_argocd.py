"""Argo CD's own schema takes what a service brings for it."""

from __future__ import annotations

import pytest

from ..conftest import Render
from ..support.waiting import until
from .cluster import go_module, kubectl

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]

MODULE = "github.com/argoproj/argo-cd/v3@v3.1.9"
KINDS = ("applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io")


@pytest.fixture(scope="module")
def definitions(cluster: None) -> None:
    """The cluster knows Argo CD's kinds."""
    folder = go_module(MODULE) / "manifests" / "crds"
    files = [f"--filename={folder / kind.partition('s.')[0]}-crd.yaml" for kind in KINDS]
    kubectl("apply", "--server-side", "--force-conflicts", *files)
    until(lambda: set(KINDS) <= known(), "the API server does not know Argo CD's kinds")
    if "argocd" not in kubectl("get", "namespaces", "--output=name"):
        kubectl("create", "namespace", "argocd")


def known() -> set[str]:
    """The kinds of Argo CD that the API server serves."""
    return set(kubectl("api-resources", "--api-group=argoproj.io", "--output=name").split())


@pytest.mark.parametrize("name", ["dev.yaml", "staging.yaml", "prod.yaml", "prod-everywhere.yaml"])
def test_argo_cd_takes_the_manifest(definitions: None, rendered: Render, name: str) -> None:
    path = rendered(kubernetes=True) / "deploy" / "argocd" / name

    said = kubectl("apply", "--dry-run=server", f"--filename={path}", "--validate=strict")

    assert "created (server dry run)" in said
