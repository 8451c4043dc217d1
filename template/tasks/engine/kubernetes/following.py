"""Whether a cluster that follows a repository has come to what was committed, and its pods with it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..core.errors import DeployFault
from ..core.waiting import wait_until
from .cluster import Cluster, Object
from .manifests import COMPONENT, SERVER, SERVICE
from .rollout import Seen
from .wait import News, wait_for

LOOK_THERE = """\
see what its Application says; the commit stays. Without a webhook Argo CD looks every three minutes: --timeout=240"""
MADE_SECONDS = 10
PAUSE = 0.2
HASH = "pod-template-hash"
"""The label that tells the pods of one version of a Deployment from those of another."""


def follow(cluster: Cluster, service: str, image: str, timeout: float) -> int:
    """Return how many pods run an image when all of the service's do and are available, and the former have ended.

    DeployFault where that does not happen within `timeout` seconds, or as soon as it is certain, with the pod's cause.
    """
    begun = time.monotonic()
    deployment = _with_image(cluster, service, image, timeout)
    labels = {SERVICE: service, HASH: _hash_of(cluster, service, image)}
    pods = wait_for(cluster, deployment, labels, timeout - (time.monotonic() - begun))
    # They answer until they have, and the cluster kills them after this time.
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    wait_until(lambda: not _others(cluster, labels), grace, PAUSE)
    return pods


def _with_image(cluster: Cluster, service: str, image: str, timeout: float) -> Object:
    """The Deployment, once it is of the image."""
    begun, seen = time.monotonic(), Seen(service)
    news = News(cluster, {"deployments": [f"--field-selector=metadata.name={service}"]})
    try:
        while _image_of(seen.workload) != image:
            if time.monotonic() - begun > timeout:
                raise DeployFault(
                    f"the cluster has not followed the commit within {timeout:.0f} s",
                    where=f"context {cluster.context}, namespace {cluster.namespace}",
                    details=[f"runs: {_image_of(seen.workload) or 'nothing'}", f"committed: {image}"],
                    remedy=LOOK_THERE,
                )
            news.learn(seen)
        return seen.workload
    finally:
        news.close()


def _hash_of(cluster: Cluster, service: str, image: str) -> str:
    """The label of the pods of the newest ReplicaSet with an image, which its Deployment makes at once."""
    found: list[Object] = []

    def there() -> bool:
        found[:] = [each for each in cluster.all_of("replicasets", {SERVICE: service}) if _image_of(each) == image]
        return bool(found)

    if not wait_until(there, MADE_SECONDS, PAUSE):
        raise DeployFault("the Deployment makes no pods", where=f"deployment {service} in {cluster.namespace}")
    newest = max(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))
    return str(newest["metadata"]["labels"][HASH])


def _others(cluster: Cluster, labels: Mapping[str, str]) -> list[Object]:
    """The pods that get the service's requests and are of another version of its Deployment."""
    pods = cluster.all_of("pods", {SERVICE: labels[SERVICE], COMPONENT: SERVER})
    return [pod for pod in pods if pod["metadata"]["labels"].get(HASH) != labels[HASH]]


def _image_of(workload: Object) -> str:
    containers = workload.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    return next((str(each["image"]) for each in containers if each["name"] == "app"), "")
