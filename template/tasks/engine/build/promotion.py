"""One image for several environments: published in the registry under its commit, and taken from there by the others.

A registry is reached by the docker command, with its login, its certificates and its engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import DeployFault, MissingFault, UsageFault
from ..core.runner import Outcome, Runner, clean_environment
from .image import ENV, REVISION, VERSION
from .source import BuildInfo

DIGEST = re.compile(r"[Dd]igest: (sha256:[0-9a-f]{64})")
"""In what docker push and docker pull say last."""
NOT_THERE = re.compile(r"not found|manifest unknown|name unknown")
"""In what a registry says of an image that it does not have."""


@dataclass(frozen=True)
class Registry:
    """A registry with its path, such as registry.example.com/team; `variables` lead docker to the engine to be used."""

    runner: Runner
    name: str
    variables: Mapping[str, str]

    def push(self, image: str, name: str) -> str:
        """Push an image of the engine under a name of the registry; gives its digest. MissingFault where it fails."""
        for words in (("tag", image, name), ("push", name)):
            done = self._docker(*words)
            if not done.ok:
                raise self._fault("pushed", done)
        return self._digest(name, done)

    def publish(self, image: str, info: BuildInfo) -> str:
        """Push an image under its commit, where other environments look for it; gives that name."""
        name = self._published(info)
        self.push(image, name)
        return name

    def take(self, info: BuildInfo, source: str) -> tuple[str, BuildInfo]:
        """The image that the environment `source` has published for the work tree's commit: its name with the digest.

        The build information is that of the image, in the environment of `info`: a tag that was made after the image
        is not in it. Raises UsageFault where the work tree is of no commit or the image is for `source` alone, and
        MissingFault where the registry does not have it.
        """
        if not info.of_commit:
            remedy = "commit the changes and deploy them there first, or put them away"
            what = f"{info.env} takes the image of a commit from {source}, and the work tree is not one"
            raise UsageFault(what, where="git status", remedy=remedy)
        name = self._published(info)
        done = self._docker("pull", name)
        if not done.ok and NOT_THERE.search(done.stderr):
            remedy = f"deploy this commit to {source} first: ./inv deploy --env={source}"
            what = f"{source} has published no image of commit {info.commit[:12]}"
            raise MissingFault(what, where=name, remedy=remedy)
        if not done.ok:
            raise self._fault("pulled", done)
        image = f"{self.name}/{info.service}@{self._digest(name, done)}"
        return image, info if self.runner.dry else self._built(info, name, source)

    def _built(self, info: BuildInfo, name: str, source: str) -> BuildInfo:
        """What was built into a published image, which has to be of this commit and of no environment alone."""
        told: list[dict[str, Any]] = json.loads(self._docker("inspect", name).stdout)
        labels = told[0]["Config"]["Labels"] or {}
        if labels.get(REVISION) != info.commit or labels.get(ENV) != "" or VERSION not in labels:
            remedy = f"deploy this commit to {source} again: ./inv deploy --env={source}"
            what = f"the image is not one of commit {info.commit[:12]} for every environment"
            raise UsageFault(what, where=name, remedy=remedy)
        return info.of_version(labels[VERSION])

    def _published(self, info: BuildInfo) -> str:
        return f"{self.name}/{info.service}:{info.commit}"

    def _digest(self, name: str, done: Outcome) -> str:
        if self.runner.dry:
            return "(digest)"
        found = DIGEST.findall(done.stdout)
        if not found:
            raise DeployFault("the registry told no digest", where=name)
        return str(found[-1])

    def _docker(self, *words: str) -> Outcome:
        return self.runner.run(["docker", "image", *words], env=clean_environment(self.variables))

    def _fault(self, what: str, done: Outcome) -> MissingFault:
        remedy = f"check the way to {self.name}, and docker login {self.name.partition('/')[0]}"
        return MissingFault(f"the image cannot be {what}", where=self.name, details=done.tail(4), remedy=remedy)
