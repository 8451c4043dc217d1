"""What releases need to be started again, kept with the engine, so that every deployer can return to them.

Each release has a volume of its own: its secrets are the files in it, and the rest of what Compose is told of it is the
volume's label. Whoever removes the volume forgets the release.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .docker_engine import Engine, engine_seconds

if TYPE_CHECKING:
    from docker.models.containers import Container

SECRETS = "/run/secrets"
"""Where a container finds its secrets, as with Compose and Swarm."""
RELEASE = "copier-gin.release"
HOLDER = "copier-gin.holder"
HOLDER_SECONDS = 60
"""A way into a volume is taken for a moment: an older one belongs to nobody any more."""
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

    def keep(self, release: str, image: str, document: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Keep what Compose is told of a release, and its secrets; `image` is any that is on the engine."""
        labels = {**self.labels, RELEASE: release, DOCUMENT: json.dumps(document)}
        self.engine.client.volumes.create(self.volume(release), labels=labels)
        put_secrets(self.engine, image, self.volume(release), secrets, self.labels)

    def document(self, release: str) -> dict[str, Any] | None:
        """What Compose is told of a release; None where it is not kept."""
        from docker.errors import NotFound

        try:
            found = self.engine.client.volumes.get(self.volume(release))
        except NotFound:
            return None
        document: dict[str, Any] = json.loads(found.attrs["Labels"][DOCUMENT])
        return document

    def secrets(self, release: str, image: str) -> dict[str, str]:
        """The secrets of a kept release by name."""
        with _holder(self.engine, image, self.volume(release), self.labels) as container:
            return self.engine.get_files(container, SECRETS)

    def forget_all_but(self, releases: Collection[str]) -> None:
        """Remove all other releases of this environment, but for those that a container still holds."""
        from docker.errors import APIError

        wanted = [f"{name}={value}" for name, value in self.labels.items()]
        self._remove_old_holders(wanted)
        for volume in self.engine.client.volumes.list(filters={"label": [RELEASE, *wanted]}):
            if volume.attrs["Labels"][RELEASE] not in releases:
                with suppress(APIError):
                    volume.remove()

    def _remove_old_holders(self, wanted: list[str]) -> None:
        """Remove what tasks that were killed have left in the way: with it, their volumes could never be removed."""
        from docker.errors import APIError

        for container in self.engine.client.containers.list(all=True, filters={"label": [HOLDER, *wanted]}):
            if engine_seconds(container.attrs["Created"]) < self.engine.now() - HOLDER_SECONDS:
                with suppress(APIError):
                    container.remove(force=True)


def put_secrets(engine: Engine, image: str, volume: str, secrets: Mapping[str, str], labels: Mapping[str, str]) -> None:
    """Write secrets as files into a volume; `labels` are the environment's."""
    if secrets:
        with _holder(engine, image, volume, labels) as container:
            engine.put_files(container, SECRETS, secrets, READABLE)


@contextmanager
def _holder(engine: Engine, image: str, volume: str, labels: Mapping[str, str]) -> Iterator[Container]:
    """A container that is never started: the engine's way into a volume."""
    from docker.types import Mount

    mount = Mount(SECRETS, volume, type="volume", no_copy=True)
    named = {**labels, HOLDER: ""}
    container = engine.client.containers.create(image, ["none"], mounts=[mount], network_mode="none", labels=named)
    try:
        yield container
    finally:
        container.remove(force=True)
