"""The Go files of services, for many answers: Copier renders all of a service, and compiles each template anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import FileSystemLoader, Template
from jinja2.sandbox import SandboxedEnvironment

NAMES = ("*.go", "*.go.jinja", "go.mod.jinja", "go.sum.jinja")


class GoSources:
    """The Go files in `template/` of the repository at `root`, as they were when it was made."""

    def __init__(self, root: Path) -> None:
        settings: dict[str, Any] = yaml.safe_load((root / "copier.yml").read_text(encoding="utf-8"))
        self._jinja = SandboxedEnvironment(
            loader=FileSystemLoader(root),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        questions = {name: each for name, each in settings.items() if not name.startswith("_")}
        self._defaults = {name: self._default(each["default"]) for name, each in questions.items()}
        self._validators = [self._jinja.from_string(each.get("validator", "")) for each in questions.values()]
        self._exclude = [self._jinja.from_string(entry) for entry in settings["_exclude"]]
        top = root / "template"
        self._files = {path.relative_to(top).as_posix(): path for name in NAMES for path in sorted(top.rglob(name))}
        self._targets = {name: self._jinja.from_string(name.removesuffix(".jinja")) for name in self._files}
        self._templates = {name: self._template(path) for name, path in self._files.items() if path.suffix == ".jinja"}

    def answers(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """All answers, with defaults for those that are not given; None where a question refuses its answer."""
        answers: dict[str, Any] = {}
        for name, default in self._defaults.items():
            told = default.render(answers) if isinstance(default, Template) and name not in given else default
            answers[name] = given.get(name, told)
        return None if any(each.render(answers).strip() for each in self._validators) else answers

    def write(self, folder: Path, answers: Mapping[str, Any]) -> None:
        """Write the files of a service into a folder."""
        known = {**answers, "_copier_operation": "copy"}
        without = [path for entry in self._exclude for path in entry.render(known).split()]
        for name, path in self._files.items():
            target = f"/{self._targets[name].render(known)}"
            if any(target == each or target.startswith(f"{each}/") for each in without):
                continue
            template = self._templates.get(name)
            written = folder / target[1:]
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(template.render(known) if template else path.read_text(encoding="utf-8"))

    def _default(self, told: Any) -> Any:
        """A text is a template of the answers before it."""
        return self._jinja.from_string(told) if isinstance(told, str) else told

    def _template(self, path: Path) -> Template:
        return self._jinja.from_string(path.read_text(encoding="utf-8"))
