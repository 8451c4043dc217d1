"""Services that are updated within the test's own process, with renderings and builds made once a session."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from service_tasks.engine.core.console import Console
from service_tasks.engine.core.runner import Runner
from service_tasks.engine.template import prove
from service_tasks.engine.template.origin import Template as Origin
from service_tasks.engine.template.report import Report
from service_tasks.engine.template.update import Updater, Wanted

from ..support.service import git
from ..support.template_versions import Template, commit

ENVIRONMENTS = ("dev", "staging", "prod")
ANSWERS = {"project_name": "orders", "database": "none", "license": "mit", "guard": "none"}
"""Without a database a service builds quickest."""

MARKER = re.compile(rb"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE)
OWN_CODE = """package billing

// Total is what has to be paid.
func Total(prices ...int) (sum int) {
	for _, price := range prices {
		sum += price
	}
	return sum
}
"""


@dataclass
class Subject:
    """A service made from a release, in a repository of its own."""

    folder: Path
    notes: io.StringIO = field(default_factory=io.StringIO)

    def updater(self, dry: bool = False) -> Updater:
        """What updates it."""
        return Updater("orders", ENVIRONMENTS, Runner(self.folder, dry, self.notes), Console(self.notes))

    def update(self, version: str = "", branch: str = "", **answers: str) -> Report:
        """Update it as the task does."""
        return self.updater().update(Wanted(version, answers, branch))

    def path(self, name: str) -> Path:
        """One of its files."""
        return self.folder / name

    def text(self, name: str) -> str:
        """What a file holds."""
        return self.path(name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a file, in a folder that need not be there."""
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file; the old text has to be there."""
        text = self.text(name)
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new, 1))

    def commit(self) -> None:
        """Commit everything."""
        commit(self.folder, "Work on it")

    def status(self) -> str:
        """What git says that differs from the commit."""
        return git(self.folder, "status", "--porcelain", "--untracked-files=all")

    def unmerged(self) -> list[str]:
        """The paths that git calls unmerged."""
        return sorted(set(git(self.folder, "diff", "--name-only", "--diff-filter=U").splitlines()))

    def with_markers(self) -> list[str]:
        """The files that hold a marker of a conflict."""
        return [name for name, content in self.everything().items() if MARKER.search(content)]

    def everything(self) -> dict[str, bytes]:
        """All files of the work tree, those that git ignores included, with their bytes."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and ".git" not in path.parts)
        names = {path.relative_to(self.folder).as_posix(): path for path in paths}
        return {name: path.read_bytes() for name, path in sorted(names.items())}

    def state(self) -> dict[str, Any]:
        """Everything that putting back has to restore: files with their modes, the index, the branches."""
        modes = {name: self.path(name).stat().st_mode for name in self.everything()}
        index = git(self.folder, "ls-files", "--stage")
        branches = git(self.folder, "for-each-ref"), git(self.folder, "symbolic-ref", "HEAD")
        return {"files": self.everything(), "modes": modes, "index": index, "branches": branches}


@dataclass
class Garage:
    """Makes services from releases: each combination is rendered once, and copied for whoever works on it."""

    template: Template
    folder: Path
    count: int = 0
    rendered: dict[str, Path] = field(default_factory=dict)

    def service(self, version: str, **answers: Any) -> Subject:
        """A service to work on."""
        given = {**ANSWERS, **answers}
        key = f"{version} {sorted(given.items())}"
        if key not in self.rendered:
            self.rendered[key] = self.template.service(self._place(), version, **given)
        place = self._place()
        shutil.copytree(self.rendered[key], place, symlinks=True)
        return Subject(place)

    def fresh(self, version: str, **answers: Any) -> dict[str, bytes]:
        """The files of a fresh copy of a release."""
        return self.service(version, **answers).everything()

    def _place(self) -> Path:
        self.count += 1
        return self.folder / str(self.count)


@contextmanager
def rendered_once(folder: Path) -> Iterator[None]:
    """Within, the template is rendered once for each version and set of answers, whoever asks."""
    original = Origin._copy
    done: dict[str, Path] = {}

    def copy(origin: Origin, version: str, answers: Mapping[str, Any], target: Path) -> None:
        key = f"{origin.source} {version} {sorted(answers.items())}"
        if key not in done:
            original(origin, version, answers, folder / str(len(done)))
            done[key] = folder / str(len(done))
        shutil.copytree(done[key], target)

    with patch.object(Origin, "_copy", copy):
        yield


@contextmanager
def nothing_proved() -> Iterator[None]:
    """Within, an update neither tidies modules nor builds: for tests of what it does to files."""
    with patch.object(prove.Prover, "prove", lambda prover, report: None):
        yield


@contextmanager
def proved_once() -> Iterator[None]:
    """Within, the same Go files are built and tested once; modules are tidied each time, as that changes files."""
    original: Callable[..., str] = prove.Prover._check
    known: dict[tuple[str, str], str] = {}

    def check(prover: prove.Prover, report: Report, name: str, *words: str) -> str:
        key = name, go_files(prover.runner.root)
        if key not in known:
            known[key] = original(prover, report, name, *words)
        return known[key]

    with patch.object(prove.Prover, "_check", check):
        yield


def go_files(folder: Path) -> str:
    """A hash of all that a build and the tests read."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        part_of_it = path.suffix in (".go", ".mod", ".sum", ".sql") or path.name.startswith((".env", "openapi"))
        if part_of_it and path.is_file() and not path.name.endswith(".local"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
