"""Deploys into a cluster beside kubectl's and helm's own, in turn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from maintain.demo_cluster import Cluster
from service_tasks.engine.core.network import fetch_json, free_port
from service_tasks.engine.core.waiting import wait_until

from .meanwhile import again_and_again
from .measure import Say, rounded
from .routes import MARKER
from .service import ENV, BenchError, Run, Service, make_service, remove_images, run
from .ways import Deploys, Invoke
from .without_load import CRASHED, crashing

OVERLAY = f"deploy/kubernetes/overlays/{ENV}"
LOOK_SECONDS = 0.05
"""Between two looks at what is served."""
STATUS_SECONDS = 60
"""What `kubectl rollout status` is given: it says nothing of a crash before its time is over."""
SERVED_SECONDS = 60
"""For a change to be served, after its command has ended."""


@dataclass
class KubectlApply(Deploys):
    """The same Dockerfile and manifests without the tasks: built, pushed, named by digest, applied and waited for."""

    service: Service
    cluster: Cluster
    images: Mapping[str, str]
    _number: int = 0

    def deploy(self) -> Run:
        return self._run(f"{self._build()}{self._apply()}", 0)

    def rollback(self) -> Run:
        return self._run(self._undo(), 0)

    def fail(self) -> Run:
        return self._run(f"{self._build()}{self._apply()}", 1)

    def _build(self) -> str:
        """The lines that build the image, push it, and write its digest into the overlay."""
        self._number += 1
        repository = f"{self.cluster.registry}/{self.service.name}"
        tag = f"{repository}:{self._number}"
        return f"""\
docker build --quiet --build-arg GO_IMAGE={self.images["GO_IMAGE"]} --tag {tag} .
docker push --quiet {tag}
digest=$(docker image inspect --format '{{{{index .RepoDigests 0}}}}' {tag} | cut -d@ -f2)
sed -i -E "s|newName: .*|newName: {repository}|; s/(newTag|digest): .*/digest: $digest/" {OVERLAY}/kustomization.yaml
"""

    def _apply(self) -> str:
        """The lines that bring the overlay into the cluster, and wait."""
        return f"kubectl {self._where} apply --kustomize {OVERLAY}\n{self._wait}"

    def _undo(self) -> str:
        """The lines that return to the former image and to the name of the former values."""
        return f"kubectl {self._where} rollout undo deployment/{self.service.name}\n{self._wait}"

    @property
    def _where(self) -> str:
        return f"--context={self.cluster.context} --namespace={self.service.name}-{ENV}"

    @property
    def _wait(self) -> str:
        return f"kubectl {self._where} rollout status deployment/{self.service.name} --timeout={STATUS_SECONDS}s\n"

    def _run(self, script: str, status: int) -> Run:
        return run(["bash", "-euc", script], self.service.folder, os.environ, status)


@dataclass
class HelmUpgrade(KubectlApply):
    """The same once more as a release of helm, which takes back what does not become ready."""

    def _apply(self) -> str:
        return f"""\
mkdir -p dist/chart/templates
printf 'apiVersion: v2\\nname: {self.service.name}\\nversion: 0.1.0\\n' >dist/chart/Chart.yaml
kubectl kustomize {OVERLAY} >dist/chart/templates/all.yaml
helm {self._to} upgrade --install {self.service.name} dist/chart --atomic --timeout={STATUS_SECONDS}s
"""

    def _undo(self) -> str:
        return f"helm {self._to} rollback {self.service.name} --wait --timeout={STATUS_SECONDS}s\n"

    @property
    def _to(self) -> str:
        return f"--kube-context={self.cluster.context} --namespace={self.service.name}-{ENV}"


def measure_kubernetes(
    cluster: Cluster, base: Path, images: Mapping[str, str], settings: Mapping[str, str], rounds: int, say: Say
) -> dict[str, Any]:
    """Medians of `rounds` rounds, all ways in turn; the crash once. Each way has its own service and namespace.

    helm is among them where it is on the PATH.
    """
    with ExitStack() as services:

        def service() -> Service:
            return services.enter_context(_service(cluster, base, settings))

        ways: dict[str, Deploys] = {"kubectl": KubectlApply(service(), cluster, images)}
        if shutil.which("helm"):
            ways["helm"] = HelmUpgrade(service(), cluster, images)
        ours = service()
        cluster.use(ours.folder, ENV)
        ways["invoke"] = Invoke(ours)
        taken: dict[str, dict[str, list[float]]] = {name: {} for name in ways}
        for way in ways.values():
            way.deploy()
        for number in range(rounds):
            for name, way in ways.items():
                for what, seconds in _round(way, cluster).items():
                    taken[name].setdefault(what, []).append(seconds)
            said = ", ".join(f"{name} {taken[name]['total_s'][-1]:.1f} s" for name in ways)
            say(f"  round {number + 1}: {said}")
        found: dict[str, Any] = {
            name: {what: rounded(median(values)) for what, values in figures.items()} for name, figures in taken.items()
        }
        for name, way in ways.items():
            found[name] |= _crash(way)
    return {"rounds": rounds, "version": _version(cluster), "ways": found}


@contextmanager
def _service(cluster: Cluster, base: Path, settings: Mapping[str, str]) -> Iterator[Service]:
    service = make_service(base, settings, database="none", kubernetes="true")
    namespace = f"{service.name}-{ENV}"
    cluster.make_namespace(namespace)
    try:
        yield service
    finally:
        cluster.remove_namespace(namespace)
        remove_images(service.name)


def _round(way: Deploys, cluster: Cluster) -> dict[str, float]:
    """Seconds of a changed line until it is served and until all is done, of the way back, and of nothing new."""
    with _watched(way.service, cluster) as seen:
        wanted = way.service.change()
        done = way.deploy()
        if not wait_until(lambda: wanted in seen, SERVED_SECONDS, LOOK_SECONDS):
            raise BenchError(f"{wanted} was not served within {SERVED_SECONDS} s")
    back = way.rollback()
    way.deploy()
    return {
        "total_s": done.seconds,
        "serving_s": seen[wanted] - done.started,
        "rollback_s": back.seconds,
        "nothing_new_s": way.deploy().seconds,
    }


@contextmanager
def _watched(service: Service, cluster: Cluster) -> Iterator[dict[str, float]]:
    """When each build was served first, in seconds since 1970; asked through the API server, as any cluster can be."""
    port = free_port()
    path = f"/api/v1/namespaces/{service.name}-{ENV}/services/{service.name}:http/proxy{MARKER}"
    seen: dict[str, float] = {}

    def look() -> None:
        status, body = fetch_json(f"http://127.0.0.1:{port}{path}")
        if status == 200:
            seen.setdefault(str(body), time.time())

    command = ["kubectl", f"--context={cluster.context}", "proxy", f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as way:
        try:
            with again_and_again(look, LOOK_SECONDS):
                yield seen
        finally:
            way.terminate()


def _crash(way: Deploys) -> dict[str, Any]:
    """Seconds of a deploy whose service ends at its start, and whether its own words were shown."""
    with crashing(way.service):
        done = way.fail()
    return {"crash_s": rounded(done.seconds), "shows_words": any(CRASHED in line for _, line in done.lines)}


def _version(cluster: Cluster) -> str:
    command = ["kubectl", f"--context={cluster.context}", "version", "--output=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["serverVersion"]["gitVersion"])
