"""What releases need to be started again, kept with the engine, so that every deployer can return to them.

Each release has a volume of its own: what Compose is told of it is the volume's label, and its overrides are the files
in it. Whoever removes the volume forgets the release. Its secrets are elsewhere, see `secret_keeper`; those of releases
from before there was a keeper are in the volume, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .engine import Engine
from .volumes import close_forgotten, opened

SECRETS = "/run/secrets"
"""Where a container finds its secrets, as with Compose and Swarm."""
OWN_FOLDER = "/run/release"
"""Where it finds the release's volume."""
RELEASE = "copier-gin.release"
DOCUMENT = "copier-gin.document"
READABLE = 0o444
"""A file's mode: the service's user must read it, and nobody reaches it but who mounts the volume."""
IN_MEMORY = "secrets_in_memory"
"""The part of a release's document that says that its secrets are in a folder of its own below SECRETS."""


@dataclass(frozen=True)
class KeptReleases:
    """The kept releases of one environment; `labels` tell them from those of others."""

    engine: Engine
    project: str
    labels: Mapping[str, str]

    def volume(self, release: str) -> str:
        """The name of a release's volume."""
        return f"{self.project}_release_{release}"

    def keep(self, release: str, document: Mapping[str, Any]) -> None:
        """Keep what Compose is told of a release."""
        labels = {**self.labels, RELEASE: release, DOCUMENT: json.dumps(document)}
        self.engine.client.volumes.create(self.volume(release), labels=labels)

    def document(self, release: str) -> dict[str, Any] | None:
        """What Compose is told of a release; None where it is not kept."""
        from docker.errors import NotFound

        try:
            found = self.engine.client.volumes.get(self.volume(release))
        except NotFound:
            return None
        document: dict[str, Any] = json.loads(found.attrs["Labels"][DOCUMENT])
        return document

    def newest_image(self) -> str:
        """The image of the newest kept release whose secrets are in memory; empty where there is none."""
        wanted = [f"{name}={value}" for name, value in self.labels.items()]
        volumes = self.engine.client.volumes.list(filters={"label": [RELEASE, *wanted]})
        labels = sorted((each.attrs["Labels"] for each in volumes), key=lambda each: str(each[RELEASE]))
        documents = [json.loads(each[DOCUMENT]) for each in labels]
        return next((str(each["image"]) for each in reversed(documents) if each.get(IN_MEMORY)), "")

    def secrets(self, release: str) -> dict[str, str]:
        """The secrets of a release from before there was a keeper, by name."""
        with opened(self.engine, self.volume(release), SECRETS, self.labels) as container:
            return self.engine.get_files(container, SECRETS)

    def others(self, releases: Collection[str]) -> list[str]:
        """The volumes of all other releases of this environment."""
        wanted = [f"{name}={value}" for name, value in self.labels.items()]
        close_forgotten(self.engine, self.labels)
        volumes = self.engine.client.volumes.list(filters={"label": [RELEASE, *wanted]})
        return [str(volume.name) for volume in volumes if volume.attrs["Labels"][RELEASE] not in releases]

    def forget(self, volumes: Collection[str]) -> None:
        """Remove volumes of releases; one that a container still holds stays."""
        from docker.errors import APIError

        for name in volumes:
            with suppress(APIError):
                self.engine.client.api.remove_volume(name)


def own_folder(document: Mapping[str, Any]) -> str:
    """Where the containers of a release find its volume."""
    return OWN_FOLDER if document.get(IN_MEMORY) else SECRETS


def in_memory(document: Mapping[str, Any]) -> bool:
    """Whether a release has secrets, and has them in memory."""
    paths = map(str, document.get("environment", {}).values())
    return bool(document.get(IN_MEMORY)) and any(path.startswith(f"{SECRETS}/") for path in paths)
