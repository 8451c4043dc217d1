"""Release records with the engine, for every deployer to see."""

from __future__ import annotations

from .releases import Deployment, from_texts, record_name, to_text
from .stack import Stack

RELEASES = "/var/lib/releases"


class DockerReleases:
    """Release records in a volume of the stack, which the edge's container lends its mount for."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def read(self) -> list[Deployment]:
        """All records, oldest first; none where the stack was never up."""
        edge = self._stack.find("edge")
        return from_texts(self._stack.engine.get_files(edge, RELEASES)) if edge else []

    def write(self, deployment: Deployment) -> None:
        """Keep a record."""
        edge = self._stack.require("edge")
        self._stack.engine.put_file(edge, RELEASES, record_name(deployment), to_text(deployment))
