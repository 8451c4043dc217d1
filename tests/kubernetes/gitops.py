"""Services in a cluster that are deployed by commits to a repository."""

from __future__ import annotations

from pathlib import Path

from ..hosts.remote_hosts import Registry
from ..support.service import git
from .cluster import ServiceInCluster

OVERLAY = "deploy/kubernetes/overlays/staging"


def deploy_by_commits(service: ServiceInCluster, registry: Registry, remote: Path) -> None:
    """Make a bare repository of a service as it is, and have its staging be deployed by commits to that."""
    path = service.folder / OVERLAY / "kustomization.yaml"
    path.write_text(path.read_text().replace("registry.example.com", f"{registry.address}/tests"))
    service.edit("invoke.yaml", "    registry:", f"    gitops: {{repository: {remote}}}\n    registry:")
    service.commit("Deploy by commits")
    git(service.folder, "branch", "--move", "--force", "main")
    git(remote.parent, "clone", "--quiet", "--bare", str(service.folder), str(remote))
    names = {"NAME": "Test", "EMAIL": "test@localhost"}
    service.env |= {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in names.items()}
