"""What targets have in common that run images: the steps of a deploy that make one, or take one that was published."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ..build.source import BuildInfo
from .target import Target


class Images(Protocol):
    """Where a target's images come from."""

    def ahead(self, info: BuildInfo) -> AbstractContextManager[None]:
        """Begin to build on the host, where Go is here; what is not finished meanwhile ends."""

    def take(self, info: BuildInfo, source: str) -> BuildInfo:
        """Have the image that `source` has published in the place of one that is built; gives what is in it."""

    def publish(self, info: BuildInfo) -> str:
        """Push the image that was built under its commit, where other environments look for it."""

    def build(self, info: BuildInfo) -> str:
        """Build on the host where Go is here; else the image's own build stage does it. Gives a detail line."""

    def package(self, info: BuildInfo) -> str:
        """Build the image; gives its identity."""


class ImageBuilds(Target):
    """A part of a target that runs images."""

    _images: Images

    def build_ahead(self, info: BuildInfo) -> AbstractContextManager[None]:
        """Start the compiler."""
        return self._images.ahead(info)

    def take(self, info: BuildInfo, source: str) -> BuildInfo:
        """Have the image pulled that `source` has published."""
        return self._images.take(info, source)

    def publish(self, info: BuildInfo) -> str:
        """Push the image under its commit."""
        return self._images.publish(info)

    def build(self, info: BuildInfo) -> str:
        """Build the binary where Go is here."""
        return self._images.build(info)

    def package(self, info: BuildInfo) -> str:
        """Build the image; its identity is the release's artefact."""
        return self._images.package(info)
