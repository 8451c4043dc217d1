"""The image of a release: its binary built on the host where Go is, made into an image, brought to the engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..build import gobuild, image
from ..build.host_build import HostBuild
from ..build.promotion import Registry
from ..build.source import BuildInfo
from ..build.toolchain import find_go, this_machine
from ..deploy.releases import Release
from .engine import Engine
from .ship import pull, send, send_through
from .stack import Stack

RELEASE_NAME = re.compile(r"(.+)-\d{8}T\d{9}-[0-9a-z]+")
"""The name of a release's image: service and environment, then the release's id."""


@dataclass
class ImageBuild:
    """Builds the images of one deploy on `builder`, for the engine of `stack`; `shipped` is the image's id there.

    Or it takes one that was published: then each engine pulls it from the registry.
    """

    stack: Stack
    builder: Engine
    shipped: str = ""
    _told: str = ""
    _taken: str = ""

    def __post_init__(self) -> None:
        self._binary = HostBuild(self.stack.runner)

    def ahead(self, info: BuildInfo) -> AbstractContextManager[None]:
        """Begin to build on the host, where Go is here; what is not finished meanwhile ends.

        No engine has been asked for its platform by then: this machine's own is the likely one.
        """
        return nullcontext() if self._taken else self._binary.ahead(self._plan(info, f"linux/{this_machine()[1]}"))

    def take(self, info: BuildInfo, source: str) -> BuildInfo:
        """Have the image that `source` has published in the place of one that is built; gives what is in it."""
        self._taken, built = self._registry.take(info, source)
        return built

    def publish(self, info: BuildInfo) -> str:
        """Push the image that was built under its commit, where other environments look for it."""
        return self._registry.publish(image.image_tag(info), info)

    def build(self, info: BuildInfo) -> str:
        """Build on the host where Go is here; else the image's own build stage does it. Gives a detail line."""
        if self._taken:
            return image.TAKEN
        plan = self._plan(info, self.stack.engine.platform())
        told = self._binary.build(plan, info)
        return f"{told}, {_megabytes(plan.output)}" if self._binary.folder else told

    def package(self, info: BuildInfo) -> str:
        """Build the image; gives its id as the engine has it.

        BuildKit tells its configuration's id, and an engine with the containerd image store knows it by another one.
        Of an image that was published, it is the digest that its registry knows it by.
        """
        if self._taken:
            return self._taken.rpartition("@")[2]
        configuration = self.stack.project.configuration
        environment = configuration.environment
        environment = replace(environment, platform=environment.platform or self._other_platform())
        plan = image.plan_image(
            environment,
            info,
            configuration.stack_values(),
            self._binary.flags,
            self._binary.folder,
            self._binary.packages,
        )
        told = image.build_image(self.stack.runner, plan, self.builder.endpoint.variables)
        return told if self.stack.runner.dry else self.builder.image_id(plan.tag)

    def ship(self, release: Release, host: str, progress: Callable[[str], None]) -> str:
        """Send the image to the engine where it was not built on it. Gives a detail line."""
        self.shipped = release.artefact
        settings = self.stack.project.settings
        if settings.takes_from(self.stack.project.configuration.environment):
            name = f"{self._registry.name}/{release.service}"
            self.stack.runner.act(f"pull {name}", lambda: self._pull(name, release.artefact, progress))
            return self._told
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

    def _plan(self, info: BuildInfo, engine: str) -> gobuild.GoBuild:
        settings, environment = self.stack.project.settings, self.stack.project.configuration.environment
        root, programs = self.stack.runner.root, settings.programs
        return gobuild.plan_image_build(find_go(), root, settings.service, environment, info, engine, programs)

    def _send(self, artefact: str, tag: str, progress: Callable[[str], None]) -> None:
        registry = self.stack.project.configuration.environment.registry
        way = partial(send_through, registry) if registry else partial(send, artefact)
        self.shipped, size = way(source=self.builder, tag=tag, destination=self.stack.engine, progress=progress)
        self._told = f"{size / 1e6:.1f} MB" if size else "there already"

    def _pull(self, name: str, digest: str, progress: Callable[[str], None]) -> None:
        self.shipped, size = pull(self._registry.name, name, digest, self.stack.engine, progress)
        self._told = f"{size / 1e6:.1f} MB" if size else "there already"

    @property
    def _registry(self) -> Registry:
        name = self.stack.project.configuration.environment.registry
        return Registry(self.stack.runner, name, self.builder.endpoint.variables)

    def _other_platform(self) -> str:
        """The engine's platform where images are built on one of another."""
        own = self.stack.engine.platform()
        return "" if self.builder is self.stack.engine or self.builder.platform() == own else own


def release_name(release: Release) -> str:
    """The name of a release's image: the service, its environment and the release's id."""
    return f"{release.service}:{release.env}-{release.id}"


def images_of(stack: Stack, engine: Engine) -> dict[str, list[str]]:
    """The images on an engine that may be this environment's, by id with their names; others may share one with it."""
    settings, environment = stack.project.settings, stack.project.configuration.environment
    baked = environment.name if settings.bakes(environment) else ""
    return engine.images({**stack.project.labels(), image.ENV: baked})


def without(
    images: Mapping[str, Sequence[str]], service: str, env: str, kept: Collection[str], names: Collection[str]
) -> list[str]:
    """The names to remove so that an environment has no images but those that are kept, by their ids and names.

    What is named for another environment stays: it may be the same image. One that then has no name of the service's
    goes altogether.
    """
    gone: list[str] = []
    for image_id, names_of_it in images.items():
        keep = image_id in kept
        own = [name for name in names_of_it if _is_of(name, service, env)]
        unwanted = [name for name in own if not keep or (RELEASE_NAME.fullmatch(name) and name not in names)]
        left = [name for name in names_of_it if name not in unwanted]
        if not keep and not any(name.startswith(f"{service}:") for name in left):
            unwanted = list(names_of_it)
        gone += unwanted
    return gone


def _is_of(name: str, service: str, env: str) -> bool:
    """Whether an image's name is an environment's: `prod-eu` is another one than `prod`, where a release shows it."""
    release = RELEASE_NAME.fullmatch(name)
    return release[1] == f"{service}:{env}" if release else name.startswith(f"{service}:{env}-")


def _forget(stack: Stack, engine: Engine, kept: Collection[str], names: Collection[str]) -> None:
    """Remove images that are not kept, and from those that are the names of releases that are not."""
    settings = stack.project.settings
    env = stack.project.configuration.environment.name
    gone = without(images_of(stack, engine), settings.service, env, kept, names)
    # Only what was there while the lock was held: another deployer's are not among them.
    stack.fence.require()
    engine.remove_images(gone)


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB" if path.exists() else ""
