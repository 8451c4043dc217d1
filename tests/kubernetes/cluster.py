"""The cluster that the tests use, a namespace of it for each service, and services that are deployed there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maintain.rendering import use_cluster
from service_tasks.engine.build.toolchain import find_go

from ..support.service import Answer, Service, request
from ..support.waiting import until

CONTEXT = "copier-gin"
OWN = Path(os.environ.get("COPIER_GIN_CLUSTER") or "/var/tmp/copier-gin-cluster")
"""Where .ci/kubernetes keeps its cluster."""
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
Object = dict[str, Any]


def variables() -> dict[str, str]:
    """What leads kubectl to the cluster: that of .ci/kubernetes where there is one, else the user's own."""
    config = OWN / "kubeconfig"
    if not config.exists():
        return {}
    return {"KUBECONFIG": str(config), "PATH": f"{OWN / 'bin'}:{os.environ['PATH']}"}


def kubectl(*words: str, feed: str = "", namespace: str = "") -> str:
    """Run kubectl as the cluster's administrator; gives what it prints."""
    where = [f"--context={CONTEXT}", *([f"--namespace={namespace}"] if namespace else [])]
    command = ["kubectl", *where, *words]
    done = subprocess.run(
        command, env={**os.environ, **variables()}, input=feed, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def why_no_cluster() -> str:
    """Why no cluster can be used; empty where one answers."""
    command = ["kubectl", f"--context={CONTEXT}", "--request-timeout=5s", "get", "--raw=/readyz"]
    try:
        done = subprocess.run(
            command, env={**os.environ, **variables()}, capture_output=True, text=True, check=False, timeout=30
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()


def go_module(name: str) -> Path:
    """The folder of a Go module at a version, as name@version; nothing in it can be written."""
    command = [find_go(), "mod", "download", "-json", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return Path(json.loads(done.stdout)["Dir"])


def staging_with(component: str, service: Path, scratch: Path) -> Path:
    """The overlay of staging in a copy of a service's manifests, with one component more."""
    shutil.copytree(service / "deploy", scratch / "deploy")
    overlay = scratch / "deploy" / "kubernetes" / "overlays" / "staging"
    add_component(overlay / "kustomization.yaml", component)
    return overlay


def add_component(kustomization: Path, component: str) -> None:
    """Name one component more in a kustomization, which has one list of them at most."""
    text, entry = kustomization.read_text(), f"components:\n  - ../../components/{component}\n"
    found = "components:\n" in text
    kustomization.write_text(text.replace("components:\n", entry, 1) if found else text + entry)


@dataclass
class ServiceInCluster(Service):
    """A service whose staging is a namespace of the cluster."""

    @property
    def namespace(self) -> str:
        """The namespace of staging."""
        return f"{self.folder.name}-staging"

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **variables(), **self.env}

    def use(self, registry: str, contexts: Sequence[str] = (CONTEXT,)) -> None:
        """Name cluster and registry in invoke.yaml."""
        use_cluster(self.folder, "staging", contexts, registry)

    def make_namespace(self) -> None:
        """Make staging's namespace, which holds pods to Pod Security."""
        kubectl("create", "namespace", self.namespace)
        kubectl("label", "namespace", self.namespace, RESTRICTED)

    def kubectl(self, *words: str, feed: str = "") -> str:
        """Run kubectl in its namespace."""
        return kubectl(*words, feed=feed, namespace=self.namespace)

    def read(self, kind: str, name: str = "") -> Object:
        """An object, or a list of all of a kind."""
        found: Object = json.loads(self.kubectl("get", kind, *([name] if name else []), "--output=json"))
        return found

    def pods(self) -> list[Object]:
        """The pods that serve or are about to, without those that end."""
        label = "app.kubernetes.io/component=server"
        found = json.loads(self.kubectl("get", "pods", f"--selector={label}", "--output=json"))["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def address(self) -> str:
        """Where its Service is, as this machine reaches it."""
        return f"http://{self.read('service', self.folder.name)['spec']['clusterIP']}:80"

    def get(self, path: str) -> Answer:
        """GET through its Service."""
        return request("GET", self.address() + path)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """POST a JSON document through its Service."""
        return request("POST", self.address() + path, body, headers)

    def add_to_overlay(self, text: str) -> None:
        """Append to the kustomization of staging."""
        path = self.folder / "deploy" / "kubernetes" / "overlays" / "staging" / "kustomization.yaml"
        path.write_text(path.read_text() + text)

    def scale(self, pods: int) -> None:
        """Have as many pods as that, whatever the autoscaler would say."""
        patch = json.dumps({"spec": {"minReplicas": pods, "maxReplicas": pods}})
        self.kubectl("patch", "horizontalpodautoscaler", self.folder.name, f"--patch={patch}")
        self.kubectl("scale", "deployment", self.folder.name, f"--replicas={pods}")
        until(lambda: self.ready() == pods, "the pods are not ready")

    def ready(self) -> int:
        """How many pods are ready."""
        return int(self.read("deployment", self.folder.name)["status"].get("readyReplicas", 0))

    def take_down(self) -> None:
        """Everything of it is in its namespace."""
        kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")
