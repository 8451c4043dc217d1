"""The service's image: the Dockerfile, with the host's binary in place of its build stage where Go is here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.settings import Environment, parse_platform
from ..core.disk import FREE_SPACE, NO_SPACE
from ..core.errors import BuildFault, MissingFault
from ..core.runner import Runner, clean_environment
from .gobuild import build_tags
from .source import BuildInfo

RUNTIMES = {
    "scratch": "scratch",
    "alpine": "alpine:3.22",
    "distroless": "gcr.io/distroless/static-debian12:nonroot",
}
IMAGE_ARGUMENTS = ("GO_IMAGE", "RUNTIME_IMAGE")
VERSION, REVISION = "org.opencontainers.image.version", "org.opencontainers.image.revision"
TAKEN = "not again: the image was published"
"""What the step `build` says where the image is one that another environment has built."""
ENV = "copier-gin.env"
"""The label with the environment that is built in; empty where there is none."""


@dataclass(frozen=True)
class ImagePlan:
    """What goes into `docker buildx build`."""

    tag: str
    info: BuildInfo
    images: Mapping[str, str]
    ldflags: str
    gcflags: str
    platform: str = ""
    binary_folder: Path | None = None
    packages: Sequence[str] = ()

    def argv(self) -> list[str]:
        """The command line, without the file that the image's id is written to."""
        # Attestations hold the time of the build: with them no image would ever be the one that serves already.
        argv = [
            "docker",
            "buildx",
            "build",
            "--load",
            "--quiet",
            "--provenance=false",
            "--sbom=false",
            "--tag",
            self.tag,
        ]
        for name in IMAGE_ARGUMENTS:
            argv += ["--build-arg", f"{name}={self.images[name]}"]
        argv += ["--build-arg", f"SOURCE_DATE_EPOCH={self.info.epoch}"]
        if self.binary_folder:
            argv += ["--build-context", f"build={self.binary_folder}"]
        else:
            argv += ["--build-arg", f"LDFLAGS={self.ldflags}", "--build-arg", f"GCFLAGS={self.gcflags}"]
            argv += ["--build-arg", f"TAGS={build_tags(self.info)}"]
            if len(self.packages) > 1:
                argv += ["--build-arg", f"PACKAGES={' '.join(self.packages)}"]
            argv += self._level()
        if self.platform:
            argv += ["--platform", "/".join(parse_platform(self.platform).group("os", "arch"))]
        for name, value in labels(self.info).items():
            argv += ["--label", f"{name}={value}"]
        return [*argv, "."]

    def _level(self) -> list[str]:
        parts = parse_platform(self.platform) if self.platform else None
        if not parts or not parts["level"]:
            return []
        return ["--build-arg", f"GO{parts['arch'].upper()}={parts['level']}"]


def path_in_image(program: str, service: str) -> str:
    """Where the image has a program of cmd/: the service's own is /app."""
    return "/app" if program == service else f"/{program}"


def image_tag(info: BuildInfo) -> str:
    """The image's name: the service, its environment and its version, in the letters and length of a tag (OCI)."""
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{info.env}-{info.version}")
    return f"{info.service}:{tag[:128]}"


def labels(info: BuildInfo) -> dict[str, str]:
    """The labels that differ from build to build (OCI image annotations, and our own two)."""
    return {
        VERSION: info.version,
        REVISION: info.commit,
        "org.opencontainers.image.created": info.built_at,
        "copier-gin.service": info.service,
        ENV: info.baked_env,
    }


def plan_image(
    environment: Environment,
    info: BuildInfo,
    images: Mapping[str, str],
    flags: tuple[str, str],
    folder: Path | None,
    packages: Sequence[str] = (),
) -> ImagePlan:
    """An image of `info` for `environment`; `flags` are ldflags and gcflags; `folder` holds the host's binaries.

    Without a folder the image's build stage makes those of `packages`, by default the service's own.
    """
    return ImagePlan(image_tag(info), info, images, *flags, environment.platform, folder, packages)


def build_image(runner: Runner, plan: ImagePlan, variables: Mapping[str, str]) -> str:
    """Build the image and give its id; `variables` lead the docker command to the engine.

    BuildFault or MissingFault with what BuildKit said.
    """
    outcome = runner.run(plan.argv(), env=clean_environment(variables))
    if outcome.ok:
        return outcome.stdout.strip() or "(id of the image)"
    words = outcome.stderr.lower()
    details = outcome.tail()
    if NO_SPACE in words:
        raise BuildFault("there is no space left for the image", details=details[-3:], remedy=FREE_SPACE)
    if "failed to resolve source metadata" in words or "pull access denied" in words:
        missing = [image for image in plan.images.values() if image in outcome.stderr] or list(plan.images.values())
        raise MissingFault(
            f"the base image {missing[0]} is not here and cannot be pulled",
            details=details[-3:],
            remedy="check the way to the registry, or set GO_IMAGE or RUNTIME_IMAGE to an image that can be had",
        )
    if re.search(r"\.docker\b.*(permission denied|read-only file system|not a directory)", words):
        remedy = "set HOME to a folder that can be written, or DOCKER_CONFIG and BUILDX_CONFIG"
        raise MissingFault("docker cannot write its settings", details=details[-3:], remedy=remedy)
    if "cannot connect to the docker daemon" in words:
        raise MissingFault("no Docker engine answers", details=details[-3:], remedy="start Docker and try again")
    raise BuildFault("the image could not be built", details=details, remedy="mend what BuildKit names above")
