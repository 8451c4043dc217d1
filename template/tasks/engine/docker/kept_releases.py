"""What releases need to be started again, kept with the engine, so that every deployer can return to them.

Each release has a volume of its own: its secrets are the files in it, and the rest of what Compose is told of it is the
volume's label. Whoever removes the volume forgets the release.
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
RELEASE = "copier-gin.release"
DOCUMENT = "copier-gin.document"
READABLE = 0o444
"""A file's mode: the service's user must read it, and nobody reaches it but who mounts the volume."""


@dataclass(frozen=True)
class KeptReleases:
    """The kept releases of one environment; `labels` tell them from those of others."""

    engine: Engine
    project: str
    labels: Mapping[str, str]

    def volume(self, release: str) -> str:
        """The name of a release's volume."""
        return f"{self.project}_release_{release}"

    def keep(self, release: str, document: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Keep what Compose is told of a release, and its secrets."""
        labels = {**self.labels, RELEASE: release, DOCUMENT: json.dumps(document)}
        self.engine.client.volumes.create(self.volume(release), labels=labels)
        put_secrets(self.engine, self.volume(release), secrets, self.labels)

    def document(self, release: str) -> dict[str, Any] | None:
        """What Compose is told of a release; None where it is not kept."""
        from docker.errors import NotFound

        try:
            found = self.engine.client.volumes.get(self.volume(release))
        except NotFound:
            return None
        document: dict[str, Any] = json.loads(found.attrs["Labels"][DOCUMENT])
        return document

    def secrets(self, release: str) -> dict[str, str]:
        """The secrets of a kept release by name."""
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


def put_secrets(engine: Engine, volume: str, secrets: Mapping[str, str], labels: Mapping[str, str]) -> None:
    """Write secrets as files into a volume; `labels` are the environment's."""
    if secrets:
        with opened(engine, volume, SECRETS, labels) as container:
            engine.put_files(container, SECRETS, {name: text.encode() for name, text in secrets.items()}, READABLE)
