"""The image of a release: its binary built on the host where Go is, made into an image, brought to the engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..build import gobuild, image
from ..build.source import BuildInfo
from ..build.toolchain import find_go
from ..deploy.releases import Release
from .engine import Engine
from .ship import send, send_through
from .stack import Stack

RELEASE_NAME = re.compile(r"-\d{8}T\d{9}-[0-9a-z]+$")
"""How the name of a release's image ends: with the release's id."""


@dataclass
class ImageBuild:
    """Builds the images of one deploy on `builder`, for the engine of `stack`; `shipped` is the image's id there."""

    stack: Stack
    builder: Engine
    shipped: str = ""
    _flags: tuple[str, str] = ("", "")
    _folder: Path | None = None
    _told: str = ""
    _begun: gobuild.BegunBuild | None = None

    @contextmanager
    def ahead(self, info: BuildInfo) -> Iterator[None]:
        """Begin to build on the host, where Go is here; what is not finished meanwhile ends."""
        if find_go() and not self.stack.runner.dry:
            self._begun = gobuild.begin(self.stack.runner, self._plan(info))
        try:
            yield
        finally:
            if self._begun:
                self._begun.end()

    def build(self, info: BuildInfo) -> str:
        """Build on the host where Go is here; else the image's own build stage does it. Gives a detail line."""
        runner, plan = self.stack.runner, self._plan(info)
        self._flags = (plan.ldflags, plan.gcflags)
        if not find_go():
            return "inside Docker, as there is no Go here"
        gobuild.build(runner, plan, info, self._begun)
        self._folder = gobuild.package_folder(runner, plan)
        return f"{plan.output.relative_to(runner.root)}, {_megabytes(plan.output)}"

    def package(self, info: BuildInfo) -> str:
        """Build the image; gives its id as the engine has it.

        BuildKit tells its configuration's id, and an engine with the containerd image store knows it by another one.
        """
        configuration = self.stack.project.configuration
        environment = configuration.environment
        environment = replace(environment, platform=environment.platform or self._other_platform())
        plan = image.plan_image(environment, info, configuration.stack_values(), self._flags, self._folder)
        told = image.build_image(self.stack.runner, plan, self.builder.endpoint.variables)
        return told if self.stack.runner.dry else self.builder.image_id(plan.tag)

    def ship(self, release: Release, host: str, progress: Callable[[str], None]) -> str:
        """Send the image to the engine where it was not built on it. Gives a detail line."""
        self.shipped = release.artefact
        if self.builder.endpoint == self.stack.engine.endpoint:
            return "built where it runs"
        tag = image.image_tag(release.build)
        self.stack.runner.act(f"send {tag} to {host}", lambda: self._send(release.artefact, tag, progress))
        return self._told

    def name(self, release: Release) -> None:
        """Give the image on its engine a name of the release's own: one without a name may be removed at any time."""
        self.stack.engine.client.images.get(self.shipped).tag(*release_name(release).split(":"))

    def forget_all_but(self, releases: Sequence[Release], kept: Collection[str]) -> None:
        """Remove the images of all other releases, where they were built too; `kept` are the ids on the engine."""
        names = {release_name(release) for release in releases}
        _forget(self.stack, self.stack.engine, kept, names)
        if self.builder.endpoint != self.stack.engine.endpoint:
            _forget(self.stack, self.builder, {release.artefact for release in releases}, names)

    def _plan(self, info: BuildInfo) -> gobuild.GoBuild:
        settings, environment = self.stack.project.settings, self.stack.project.configuration.environment
        root, platform = self.stack.runner.root, self.stack.engine.platform()
        return gobuild.plan_image_build(find_go(), root, settings.service, environment, info, platform)

    def _send(self, artefact: str, tag: str, progress: Callable[[str], None]) -> None:
        registry = self.stack.project.configuration.environment.registry
        way = partial(send_through, registry) if registry else partial(send, artefact)
        self.shipped, size = way(source=self.builder, tag=tag, destination=self.stack.engine, progress=progress)
        self._told = f"{size / 1e6:.1f} MB" if size else "there already"

    def _other_platform(self) -> str:
        """The engine's platform where images are built on one of another."""
        own = self.stack.engine.platform()
        return "" if self.builder is self.stack.engine or self.builder.platform() == own else own


def release_name(release: Release) -> str:
    """The name of a release's image: the service, its environment and the release's id."""
    return f"{release.service}:{release.env}-{release.id}"


def _forget(stack: Stack, engine: Engine, kept: Collection[str], names: Collection[str]) -> None:
    """Remove images that are not kept, and from those that are the names of releases that are not."""
    gone = [
        name
        for image_id, names_of_it in engine.images(stack.project.labels()).items()
        for name in names_of_it
        if image_id not in kept or (RELEASE_NAME.search(name) and name not in names)
    ]
    # Only what was there while the lock was held: another deployer's are not among them.
    stack.fence.require()
    engine.remove_images(gone)


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB" if path.exists() else ""
