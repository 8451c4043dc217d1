"""Maintenance on Kubernetes: the Service leads to pods of the release's image that answer every request with the page.

What its selector says is what counts: deploys leave it, and rolling back or taking down as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

from ..core.errors import DeployFault, UsageFault
from ..core.waiting import wait_until
from ..deploy.maintenance import is_page
from .cluster import PORT, Cluster, Object, selector
from .manifests import COMPONENT, FOLDER, SERVICE, name_of
from .wait import wait_for

PAGE = Path("edge", "process", "maintenance.html")
"""The page of all targets, in the service's repository."""
MOUNTED = "/run/maintenance"
MAINTENANCE = "maintenance"
"""The component that the pods with the page are, and the command of the service that they run."""
PODS = 2
"""One more than may be away at once."""
SAME = (
    "affinity",
    "automountServiceAccountToken",
    "imagePullSecrets",
    "nodeSelector",
    "securityContext",
    "serviceAccountName",
    "tolerations",
)
"""What pods with the page have as those of the service do."""
SETTLE_SECONDS = 10
PAUSE = 0.2


def own_service(objects: Sequence[Object], name: str) -> Object:
    """The Service of the service, among the objects of its overlay."""
    found = next((each for each in objects if (each["kind"], name_of(each)) == ("Service", name)), None)
    if found is None:
        raise UsageFault(f"the overlay has no Service of {name}", where=str(FOLDER))
    return found


def is_on(service: Object | None) -> bool:
    """Whether a Service leads to the page."""
    return service is not None and service["spec"].get("selector", {}).get(COMPONENT) == MAINTENANCE


def leading_to(service: Object, component: str) -> Object:
    """A Service that leads to the pods of a component."""
    other = deepcopy(service)
    other["spec"]["selector"][COMPONENT] = component
    return other


def page_objects(deployment: Object, page: str) -> list[Object]:
    """The Deployment of the page, with the image of the service's own one, and the ConfigMap that has the page."""
    service = name_of(deployment)
    name, labels = f"{service}-{MAINTENANCE}", {SERVICE: service, COMPONENT: MAINTENANCE}
    pod = deployment["spec"]["template"]["spec"]
    app = next(each for each in pod["containers"] if each["name"] == "app")
    container = {
        "name": "page",
        "image": app["image"],
        "args": [MAINTENANCE],
        "ports": [{"name": "http", "containerPort": PORT}],
        "env": [
            {"name": "HTTP_PORT", "value": str(PORT)},
            {"name": "MAINTENANCE_PAGE", "value": f"{MOUNTED}/{PAGE.name}"},
        ],
        "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        "securityContext": app.get("securityContext", {}),
        "volumeMounts": [{"name": "page", "mountPath": MOUNTED, "readOnly": True}],
    }
    spec = {
        **{key: pod[key] for key in SAME if key in pod},
        "containers": [container],
        "volumes": [{"name": "page", "configMap": {"name": name}}],
    }
    metadata = {"name": name, "labels": labels}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {PAGE.name: page}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template},
        },
    ]


def show_page(cluster: Cluster, objects: Sequence[Object], timeout: float) -> None:
    """Have the pods with the page ready."""
    cluster.apply(objects)
    deployment = objects[-1]
    wait_for(cluster, deployment, deployment["spec"]["selector"]["matchLabels"], timeout)


def lead(cluster: Cluster, service: Object, component: str) -> None:
    """Let the Service lead to the pods of a component; DeployFault where it does not soon."""
    cluster.apply([leading_to(service, component)])
    wanted = component == MAINTENANCE
    if not wait_until(lambda: is_page(cluster.ask_service(name_of(service), "/")) == wanted, SETTLE_SECONDS, PAUSE):
        raise DeployFault("the Service does not lead where it should", where=name_of(service))


def end_connections(cluster: Cluster, pods: Mapping[str, str], seconds: float) -> None:
    """Let pods end, which finish what is under way; others take their place, and nobody is connected to those."""
    names = [name_of(each) for each in cluster.all_of("pods", pods)]
    cluster.delete("pods", *names)
    if names:
        cluster.run("wait", "--for=delete", *(f"pod/{name}" for name in names), f"--timeout={seconds:.0f}s")


def forget_page(cluster: Cluster, service: str) -> None:
    """Remove the pods with the page, and what they have."""
    labels = {SERVICE: service, COMPONENT: MAINTENANCE}
    cluster.do("delete", "deployments,configmaps", f"--selector={selector(labels)}", "--wait=false")
