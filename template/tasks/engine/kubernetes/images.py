"""The image of a release: built by the machine's Docker, pushed to the registry, known by its digest from then on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from ..build import gobuild, image
from ..build.host_build import HostBuild
from ..build.promotion import Registry
from ..build.source import BuildInfo
from ..build.toolchain import find_go, this_machine
from ..config.configuration import Configuration
from ..config.settings import Settings
from ..core.runner import Runner


@dataclass
class ImagePush:
    """Builds and pushes the image of one deploy, or takes one that was published."""

    runner: Runner
    settings: Settings
    configuration: Configuration
    _taken: str = ""

    def __post_init__(self) -> None:
        self._binary = HostBuild(self.runner)

    def ahead(self, info: BuildInfo) -> AbstractContextManager[None]:
        """Begin to build on the host, where Go is here; what is not finished meanwhile ends."""
        return nullcontext() if self._taken else self._binary.ahead(self._plan(info))

    def take(self, info: BuildInfo, source: str) -> BuildInfo:
        """Have the image that `source` has published in the place of one that is built; gives what is in it."""
        self._taken, built = self._registry.take(info, source)
        return built

    def build(self, info: BuildInfo) -> str:
        """Build on the host where Go is here; else the image's own build stage does it. Gives a detail line."""
        if self._taken:
            return image.TAKEN
        return self._binary.build(self._plan(info), info)

    def package(self, info: BuildInfo) -> str:
        """Build the image, and push it; gives the digest that the registry knows it by."""
        if self._taken:
            return self._taken.rpartition("@")[2]
        environment = self.configuration.environment
        plan = image.plan_image(
            environment,
            info,
            self.configuration.stack_values(),
            self._binary.flags,
            self._binary.folder,
            self._binary.packages,
        )
        image.build_image(self.runner, plan, {})
        return self._registry.push(plan.tag, f"{environment.registry}/{plan.tag}")

    def name(self, digest: str) -> str:
        """What the nodes pull."""
        return f"{self.configuration.environment.registry}/{self.settings.service}@{digest}"

    def publish(self, info: BuildInfo) -> str:
        """Push the image that was built under its commit, where other environments look for it."""
        return self._registry.publish(image.image_tag(info), info)

    @property
    def _registry(self) -> Registry:
        return Registry(self.runner, self.configuration.environment.registry, {})

    def _plan(self, info: BuildInfo) -> gobuild.GoBuild:
        environment = self.configuration.environment
        platform = f"linux/{this_machine()[1]}"
        root, programs = self.runner.root, self.settings.programs
        return gobuild.plan_image_build(find_go(), root, self.settings.service, environment, info, platform, programs)
