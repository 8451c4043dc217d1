"""The manifests of a release: an environment's overlay as kustomize makes it, with image, secrets and names set.

Whatever is here could be done by hand with deploy/kubernetes alone; nothing is added but what tells releases apart.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from ..config.configuration import Configuration
from ..core.errors import UsageFault
from ..core.runner import Runner
from .cluster import Object, environment

FOLDER = Path("deploy", "kubernetes")
RELEASE = "copier-gin.release"
SLOT = "copier-gin.slot"
SERVICE = "app.kubernetes.io/name"
PROCESS = "copier-gin.process"
"""The label of what runs a process beside the service: its type's name."""
COMPONENT = "app.kubernetes.io/component"
SERVER = "server"
SECRETS = "/run/secrets"
TRIALS = {"copier-gin.for": "trials"}
"""The label of what no environment that matters should have."""
_ALONE = (
    "one pod and one volume: while either is away nobody is served, and no copy of the data is kept",
    "leave the component out of the overlay, and name a database that somebody looks after",
)
_ON_PURPOSE = (
    "it breaks the service on purpose, again and again, whoever uses it meanwhile",
    "leave the component chaos out of the overlay, or name it in that of staging",
)


@dataclass(frozen=True)
class Manifests:
    """The objects of an environment: the service's own Deployment, its values, its migration, and all others.

    `processes` are what runs beside the service.
    """

    service: str
    namespace: str
    deployment: Object
    config: Object
    migration: Object | None
    processes: Sequence[Object]
    others: Sequence[Object]

    @property
    def databases(self) -> list[Object]:
        """The environment's own databases."""
        return [each for each in self.others if each["kind"] == "StatefulSet"]

    @property
    def fewest(self) -> int:
        """With how many pods the service begins: how many there are later is the autoscaler's."""
        found = [each["spec"] for each in self.others if each["kind"] == "HorizontalPodAutoscaler"]
        return max((int(each.get("minReplicas", 1)) for each in found), default=1)

    def fingerprint(self) -> str:
        """A hash of everything."""
        objects = [self.deployment, self.config, self.migration, *self.processes, *self.others]
        return hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:16]


def render(runner: Runner, service: str, env: str, values: Mapping[str, str]) -> Manifests:
    """The manifests of an environment with these values; UsageFault with kustomize's words where it refuses them."""
    import yaml

    with tempfile.TemporaryDirectory(prefix="copier-gin-") as folder:
        copy = Path(folder, "kubernetes")
        shutil.copytree(runner.root / FOLDER, copy)
        (copy / "overlays" / env / "config.env").write_text(config_file(values), encoding="utf-8")
        done = runner.read(["kubectl", "kustomize", str(copy / "overlays" / env)], environment())
    if not done.ok:
        where = str(FOLDER / "overlays" / env)
        raise UsageFault("kustomize refuses the manifests", where=where, details=done.tail(6))
    return split(service, list(yaml.safe_load_all(done.stdout)))


def config_file(values: Mapping[str, str]) -> str:
    """Values as the file of a configMapGenerator: what follows the first = is the value, to the end of its line."""
    broken = [name for name, value in values.items() if "\n" in value or "\r" in value]
    if broken:
        remedy = f"hand it over as a file, with {broken[0]}_FILE, or mark it as @sensitive"
        raise UsageFault(f"{broken[0]} has several lines, which a ConfigMap's file cannot hold", remedy=remedy)
    return "".join(f"{name}={value}\n" for name, value in values.items())


def split(service: str, objects: Iterable[Object]) -> Manifests:
    """Sort the objects of an overlay; UsageFault where the service's own are not among them."""
    own: dict[str, Object] = {}
    others, processes = [], []
    for each in objects:
        name = name_of(each)
        if PROCESS in each["metadata"].get("labels", {}):
            processes.append(each)
        elif (each["kind"], name) in (("Deployment", service), ("Job", f"{service}-migrate")):
            own[each["kind"]] = each
        elif each["kind"] == "ConfigMap" and name.startswith(f"{service}-config-"):
            own["ConfigMap"] = each
        else:
            others.append(each)
    for kind in ("Deployment", "ConfigMap"):
        if kind not in own:
            raise UsageFault(f"the overlay has no {kind} of {service}", where=str(FOLDER))
    namespace = str(own["Deployment"]["metadata"].get("namespace", "default"))
    return Manifests(service, namespace, own["Deployment"], own["ConfigMap"], own.get("Job"), processes, others)


def refuse_trials(manifests: Manifests) -> None:
    """UsageFault where there is something that is for trials alone."""
    found = [each for each in manifests.others if TRIALS.items() <= each["metadata"].get("labels", {}).items()]
    if found:
        reason, remedy = _ON_PURPOSE if found[0]["kind"] == "Schedule" else _ALONE
        message = f"{name_of(found[0])} is for trials, not for prod"
        raise UsageFault(message, where=str(FOLDER), details=[reason], remedy=remedy)


def of_release(manifests: Manifests, release: str, image: str) -> Manifests:
    """The manifests with an image by its digest; values, secrets and migration have names of the release's own.

    A name that is never given again cannot be removed by somebody who was late.
    """
    own = deepcopy(manifests)
    suffix = release.lower()
    names = {
        name_of(manifests.config): f"{manifests.service}-config-{suffix}",
        f"{manifests.service}-secrets": f"{manifests.service}-secrets-{suffix}",
    }
    own.config["metadata"]["name"] = names[name_of(manifests.config)]
    own.config["immutable"] = True
    for workload in (own.deployment, *([own.migration] if own.migration else []), *own.processes):
        _use(workload, manifests.service, image, names)
        workload["metadata"].setdefault("labels", {})[RELEASE] = release
        pod_template(workload)["metadata"]["labels"][RELEASE] = release
    if own.migration:
        own.migration["metadata"]["name"] = f"{manifests.service}-migrate-{suffix}"
    return own


def in_slot(workload: Object, slot: str) -> Object:
    """A workload whose pods say which slot they are."""
    marked = deepcopy(workload)
    pod_template(marked)["metadata"]["labels"][SLOT] = slot
    return marked


def pod_template(workload: Object) -> Object:
    """What a workload makes its pods of."""
    spec = workload["spec"]
    template: Object = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return template


def secret_object(service: str, secrets: Mapping[str, str], release: str = "") -> Object:
    """The Secret of a release, which never changes; without one, that which the overlay's other objects name."""
    name = f"{service}-secrets-{release.lower()}" if release else f"{service}-secrets"
    data = {key: b64encode(text.encode()).decode() for key, text in secrets.items()}
    metadata = {"name": name, "labels": {SERVICE: service}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "immutable": bool(release), "data": data}


def handed_over(configuration: Configuration, service: str) -> dict[str, str]:
    """What a pod gets as variables: the values, and of each secret where its file is."""
    files = {f"{name}_FILE": f"{SECRETS}/{service}/{name}" for name in sorted(configuration.secret_values())}
    return {**configuration.service_values(), **files}


def name_of(each: Object) -> str:
    """An object's name."""
    return str(each["metadata"]["name"])


def _use(workload: Object, service: str, image: str, names: Mapping[str, str]) -> None:
    """Set the image, and the names of what is referred to."""
    pod = pod_template(workload)["spec"]
    for container in pod["containers"]:
        if _is_own(container["image"], service):
            container["image"] = image
        for source in container.get("envFrom", []):
            _rename(source.get("configMapRef", {}), "name", names)
    for volume in pod.get("volumes", []):
        _rename(volume.get("secret", {}), "secretName", names)


def _rename(reference: Object, key: str, names: Mapping[str, str]) -> None:
    if reference.get(key) in names:
        reference[key] = names[reference[key]]


def _is_own(image: str, service: str) -> bool:
    """Whether an image is the service's, whatever its registry and version."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0] == service
