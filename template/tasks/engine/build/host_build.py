"""The binary of an image, built on the host where Go is here, and begun before all of its plan is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..core.runner import Runner
from . import gobuild
from .source import BuildInfo
from .toolchain import find_go

INSIDE = "inside Docker, as there is no Go here"


@dataclass
class HostBuild:
    """The binaries of one deploy; once they are built, the fields are what their image is planned with."""

    runner: Runner
    flags: tuple[str, str] = ("", "")
    packages: Sequence[str] = ()
    folder: Path | None = None
    _begun: gobuild.BegunBuild | None = None

    @contextmanager
    def ahead(self, plan: gobuild.GoBuild) -> Iterator[None]:
        """Begin to build, where Go is here; what is not finished meanwhile ends."""
        if find_go() and not self.runner.dry:
            self._begun = gobuild.begin(self.runner, plan)
        try:
            yield
        finally:
            if self._begun:
                self._begun.end()

    def build(self, plan: gobuild.GoBuild, info: BuildInfo) -> str:
        """Build where Go is here, with what was begun if it was this; else the image's own build stage does it.

        Gives a detail line.
        """
        self.flags, self.packages = (plan.ldflags, plan.gcflags), plan.packages
        if not find_go():
            return INSIDE
        if self._begun and self._begun.plan != plan:
            self._begun.end()
            self._begun = None
        gobuild.build(self.runner, plan, info, self._begun)
        self.folder = gobuild.package_folder(self.runner, plan)
        return f"{plan.output.relative_to(self.runner.root)}"
