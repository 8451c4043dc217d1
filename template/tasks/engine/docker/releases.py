"""Release records with the engine, for every deployer to see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..deploy.releases import Deployment, from_texts, record_name, to_text
from .errors import telling_faults
from .stack import Stack
from .volumes import opened

if TYPE_CHECKING:
    from docker.models.containers import Container

RELEASES = "/var/lib/releases"


@telling_faults
class DockerReleases:
    """Release records in a volume of the stack, which the edge's container lends its mount for while it is there."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def read(self) -> list[Deployment]:
        """All records, oldest first; none where the stack was never up."""
        with self._reached() as container:
            return from_texts(self._stack.engine.get_files(container, RELEASES)) if container else []

    def write(self, deployment: Deployment) -> None:
        """Keep a record."""
        with self._reached() as container:
            place = container or self._stack.require("edge")
            self._stack.engine.put_file(place, RELEASES, record_name(deployment), to_text(deployment))

    @contextmanager
    def _reached(self) -> Iterator[Container | None]:
        """A container with the records in it; None where they have no place yet."""
        volume = f"{self._stack.name}_releases"
        edge = self._stack.find("edge")
        if edge or not self._stack.engine.volume_exists(volume):
            yield edge
            return
        with opened(self._stack.engine, volume, RELEASES, self._stack.project.labels()) as container:
            yield container
