"""The binaries of a release: the service's own, those of what runs beside it, and plugins, built for this machine."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ..build import gobuild, plugins
from ..build.source import BuildInfo
from ..build.toolchain import main_package
from ..config.settings import Environment, Settings
from ..core.runner import Runner


@dataclass
class Binaries:
    """Those of one deploy; there are none before they are built."""

    runner: Runner
    settings: Settings
    _built: dict[str, Path] = field(default_factory=dict)

    def build(self, go: str, environment: Environment, info: BuildInfo) -> str:
        """Build all of them. Gives a detail line."""
        root, service = self.runner.root, self.settings.service
        package, programs = main_package(root, service), self.settings.programs
        plan = gobuild.plan_build(go, root, environment, info, "", package, programs)
        gobuild.build(self.runner, plan, info)
        self._built = {service: plan.output, **{Path(each.package).name: each.output for each in plan.beside}}
        return str(plan.output.relative_to(root))

    def identity(self) -> str:
        """A hash of all of them."""
        if self.runner.dry or not self._built:
            return "(the binary)"
        digest = hashlib.sha256()
        for path in (*self._built.values(), *self._files_of_plugins()):
            digest.update(path.read_bytes())
        return f"sha256:{digest.hexdigest()}"

    def copy_to(self, folder: Path) -> None:
        """Copy each by its program's name, and the plugins; nothing where none was built."""
        for name, path in self._built.items():
            shutil.copy2(path, folder / name)
        for path in self._files_of_plugins():
            (folder / plugins.FOLDER).mkdir(exist_ok=True)
            shutil.copy2(path, folder / plugins.FOLDER / path.name)

    def _files_of_plugins(self) -> list[Path]:
        return sorted(plugins.built(self.runner.root).glob("*")) if self._built else []
