"""The commands of the page about Kubernetes, as they stand there: a namespace for tasks, and manifests without them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable

import pytest

from ..hosts.remote_hosts import Registry
from ..support.service import ROOT, Service
from ..support.waiting import until
from .cluster import CONTEXT, ServiceInCluster, variables

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]

PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def shown(heading: str) -> list[str]:
    """The commands of kubectl in a section of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1].partition("\n## ")[0]
    return re.findall(r"^kubectl .+$", section, re.MULTILINE)


def run(service: ServiceInCluster, command: str) -> None:
    """Run a command of the page in the service's folder, for this service and in the tests' cluster."""
    program, *words = shlex.split(re.sub(r"\borders\b", service.folder.name, command))
    where = [program, f"--context={CONTEXT}", *words]
    done = subprocess.run(
        where, cwd=service.folder, env={**os.environ, **variables()}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_page_makes_room_for_the_tasks_and_runs_the_manifests_alone(
    make_service: Callable[..., Service], registry: Registry
) -> None:
    service = make_service("docker", ServiceInCluster, database="none", kubernetes=True)
    assert isinstance(service, ServiceInCluster)
    room, alone = shown("From one host to a cluster"), shown("The manifests")
    assert [command.split()[1] for command in room] == ["create", "label", "apply"]
    assert ["secret" in alone[0], "overlays" in alone[1], len(alone)] == [True, True, 2]
    for command in room:
        run(service, command)
    service.use(f"{registry.address}/tests")
    service.commit()
    service.deploy()
    version, image = service.get("/version").body, service.pods()[0]["spec"]["containers"][0]["image"]
    down = service.invoke("down", "--env=staging", "--volumes", "--yes")
    assert down.returncode == 0, down.stderr
    assert service.read("configmaps,secrets,deployments,pods")["items"][1:] == []  # The cluster's own certificate.

    name, _, digest = image.partition("@")
    overlay = "deploy/kubernetes/overlays/staging/kustomization.yaml"
    service.edit(overlay, f"newName: registry.example.com/{service.folder.name}", f"newName: {name}")
    service.edit(overlay, "newTag: staging", f"digest: {digest}")
    (service.folder / "password.txt").write_text("not-of-this-world")
    for command in alone:
        run(service, command)

    until(lambda: service.get("/version").body == version, "the release does not answer")
