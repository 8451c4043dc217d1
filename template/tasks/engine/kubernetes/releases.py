"""What a cluster keeps of releases: the history of deployments, and what a kept one needs to be started again."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import DeployFault
from ..deploy.releases import Deployment, from_texts, record_name, to_text
from .cluster import Cluster, Object, version_of
from .manifests import RELEASE, Manifests, name_of

RECORDS = 200
"""How many records of the history are kept: a ConfigMap holds at most 1 MiB."""
TRIES = 5
DOCUMENT = "deployment.json"
PROCESSES = "processes.json"
KEPT = "copier-gin.kept"


@dataclass
class ClusterReleases:
    """Release records in a ConfigMap of the environment."""

    cluster: Cluster
    name: str
    labels: Mapping[str, str]
    _found: Object | None = None

    def read(self) -> list[Deployment]:
        """All records, oldest first; none where nothing was deployed."""
        self._found = self.cluster.get("configmap", self.name)
        return from_texts(self._found.get("data") or {}) if self._found else []

    def write(self, deployment: Deployment) -> None:
        """Keep a record, beside those that were written meanwhile."""
        for _ in range(TRIES):
            wanted = self._document(
                {**((self._found or {}).get("data") or {}), record_name(deployment): to_text(deployment)}
            )
            written = self.cluster.replace(wanted) if self._found else self.cluster.create(wanted)
            self._found = written or self.cluster.get("configmap", self.name)
            if written:
                return
        raise DeployFault("the deployment cannot be recorded", where=f"configmap {self.name}")

    def _document(self, records: Mapping[str, str]) -> Object:
        metadata = {"name": self.name, "labels": dict(self.labels), **version_of(self._found)}
        newest = dict(sorted(records.items())[-RECORDS:])
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": newest}


@dataclass(frozen=True)
class KeptReleases:
    """The kept releases of an environment: a ConfigMap each with its manifests; its values and secrets by name."""

    cluster: Cluster
    service: str
    labels: Mapping[str, str]

    def keep(self, release: str, manifests: Manifests, secrets: Object) -> None:
        """Keep what a release is started from: not what the overlay has besides, which may be secret."""
        labels = {**self.labels, RELEASE: release, KEPT: "true"}
        own = [manifests.config, secrets]
        marked = [{**each, "metadata": {**each["metadata"], "labels": labels}} for each in own]
        data = {DOCUMENT: json.dumps(manifests.deployment), PROCESSES: json.dumps(list(manifests.processes))}
        document = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self._name(release), "labels": labels},
        }
        self.cluster.apply([*marked, {**document, "data": data}])

    def deployment(self, release: str) -> Object | None:
        """The Deployment that a release is started from; None where it is not kept."""
        found = self.cluster.get("configmap", self._name(release))
        document: Object | None = json.loads(found["data"][DOCUMENT]) if found else None
        return document

    def processes(self, release: str) -> list[Object]:
        """What a release runs beside the service; nothing where it is not kept."""
        found = self.cluster.get("configmap", self._name(release))
        processes: list[Object] = json.loads((found or {}).get("data", {}).get(PROCESSES, "[]"))
        return processes

    def secret_value(self, release: str, name: str) -> str | None:
        """A secret of a kept release; None where it has none of this name."""
        found = self.cluster.get("secret", f"{self.service}-secrets-{release.lower()}")
        encoded = (found or {}).get("data", {}).get(name)
        return b64decode(encoded).decode() if encoded is not None else None

    def forget_all_but(self, releases: Collection[str]) -> None:
        """Remove what all other releases have kept."""
        found = self.cluster.all_of("configmaps,secrets", {**self.labels, KEPT: "true"})
        for kind in ("ConfigMap", "Secret"):
            own = [each for each in found if each["kind"] == kind]
            gone: Sequence[str] = [name_of(each) for each in own if each["metadata"]["labels"][RELEASE] not in releases]
            self.cluster.delete(kind, *gone)

    def _name(self, release: str) -> str:
        return f"{self.service}-release-{release.lower()}"
