"""Earlier releases of the template, made up from the present work tree, and services made from them.

The newest release is the work tree as it is, uncommitted changes included. Each earlier one lacks what a later one
brought: `CHANGES` says what came with which release, each as the way back to what was before.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .former_names import put_conditions_into_names
from .options import answer_for_good, read_blocks, read_settings, within, write_settings
from .service import ROOT, git

VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
Undo = Callable[[Path], object]
QUIET_GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
"""Git as it is without anybody's settings."""


@dataclass(frozen=True)
class Template:
    """A repository of the template: its folder, which is a URL to Copier and git, and its releases, oldest first."""

    folder: Path
    versions: tuple[str, ...]

    @property
    def earlier(self) -> tuple[str, ...]:
        """All releases but the newest."""
        return self.versions[:-1]

    @property
    def newest(self) -> str:
        """The release that is the work tree as it is."""
        return self.versions[-1]

    def service(self, folder: Path, version: str, **answers: Any) -> Path:
        """Render a service from a release into `folder`, by Copier's API, and commit it in a repository of its own."""
        self.render(folder, version, answers)
        git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
        commit(folder, "Start the service")
        return pack(folder)

    def render(self, folder: Path, version: str, answers: Mapping[str, Any]) -> Path:
        """Render a release into `folder`, outside any repository; questions without an answer get their default."""
        from copier import run_copy

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run_copy(str(self.folder), folder, data=dict(answers), defaults=True, quiet=True, vcs_ref=version)
        return folder

    def release(self, version: str, change: Undo) -> Template:
        """Release one more version, with a change made to the folder of the repository."""
        change(self.folder)
        commit(self.folder, f"Release {version}", version)
        return Template(self.folder, (*self.versions, version))

    def copy(self, folder: Path) -> Template:
        """The same releases in another folder, to add more to."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Template(folder, self.versions)


def make_template(folder: Path) -> Template:
    """Make a repository with all of VERSIONS as annotated tags on one branch."""
    git(plain_copy(folder), "init", "--quiet", "--initial-branch=main", "--template=")
    for version in VERSIONS:
        plain_copy(folder)
        for since, undo in CHANGES:
            if since > version:
                undo(folder)
        commit(folder, f"Release {version}", version)
    return Template(pack(folder), VERSIONS)


def plain_copy(folder: Path) -> Path:
    """Make `folder` hold this checkout's files, uncommitted changes included, without its history."""
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return folder


def commit(folder: Path, message: str = "Change", tag: str = "") -> None:
    """Commit all of a folder, without anybody's hooks or settings, and tag the commit."""
    name = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    commands = [["add", "--all"], [*name, "commit", "--quiet", "--allow-empty", "--message", message]]
    if tag:
        commands.append([*name, "tag", "--annotate", "--message", message, tag])
    for command in commands:
        subprocess.run(["git", *command], cwd=folder, env={**os.environ, **QUIET_GIT}, check=True, capture_output=True)


def pack(folder: Path) -> Path:
    """Put a repository's history into one file, which is quicker to copy and to clone."""
    git(folder, "repack", "-adq")
    return folder


# --- What came with which release -----------------------------------------------------------------


def replace(name: str, pattern: str, former: str) -> Undo:
    """Put what was before in the place of what a file of the template has now; it has to be there."""

    def undo(folder: Path) -> None:
        path = folder / name
        text, count = re.subn(pattern, former, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert count, f"{name} has nothing like {pattern!r} to go back from"
        path.write_text(text, encoding="utf-8")

    return undo


def move(name: str, former: str) -> Undo:
    """Give a file the name that it had."""
    return lambda folder: shutil.move(folder / name, folder / former)


def write(name: str, text: str) -> Undo:
    """Have a file again that was dropped."""
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def never_asked(question: str, answer: Any) -> Undo:
    """Have a question, and what its other answers bring, as if it had never been; it was always answered so."""

    def undo(folder: Path) -> None:
        gone = [
            path
            for block in read_blocks(folder)
            if block.questions == {question}
            for path in block.paths({question: answer})
        ]
        answer_for_good(folder, question, answer)
        settings = read_settings(folder)
        del settings[question]
        lines = [entry.splitlines(keepends=True) for entry in settings["_exclude"]]
        settings["_exclude"] = ["".join(line for line in each if not within(line.strip(), gone)) for each in lines]
        write_settings(folder, settings)

    return undo


def without_kinds(folder: Path) -> None:
    """Have the defaults of questions depend on no other answer."""
    settings = read_settings(folder)
    del settings["kind"]
    settings["database"]["default"], settings["ci"]["default"] = "postgres", "github"
    write_settings(folder, settings)


EXAMPLE, STAGING = "template/.env.example.jinja", "template/.env.staging.jinja"
DROPPED = "internal/platform/log/discard.go"
RENAMED = ("internal/app/routes.go", "internal/app/router.go")
DISCARD = """package log

import (
	"io"
	"log/slog"
)

// Discard returns a logger that writes nothing.
func Discard() *slog.Logger {
	return slog.New(slog.NewJSONHandler(io.Discard, nil))
}
"""

CHANGES: tuple[tuple[str, Undo], ...] = (
    # A question: before, the runtime was always scratch and no answer was kept.
    ("v1.1.0", replace("copier.yml", r"^runtime:\n  type: str\n", "runtime:\n  type: str\n  when: false\n")),
    # Variables: one of the schema, and one in an environment.
    ("v1.1.0", replace(EXAMPLE, r"^# Address to listen on.*\n# @type=string\nLISTEN_HOST=\n\n", "")),
    ("v1.1.0", replace(STAGING, r"^LOG_LEVEL=info\n", "LOG_LEVEL=warn\n")),
    # A module that was not needed, and a newer version of one that was.
    ("v1.1.0", replace("template/go.mod.jinja", r"^\tgithub.com/goccy/go-yaml .*\n", "")),
    ("v1.1.0", replace("template/go.sum.jinja", r"^github.com/goccy/go-yaml .*\n", "")),
    (
        "v1.2.0",
        replace("template/go.mod.jinja", r"^\tgithub.com/gin-gonic/gin .*$", "\tgithub.com/gin-gonic/gin v1.9.0"),
    ),
    ("v1.2.0", replace("template/go.sum.jinja", r"^github.com/gin-gonic/gin .*\n", "")),
    # A file under another name, and one that is gone.
    ("v1.2.0", move(f"template/{RENAMED[1]}.jinja", f"template/{RENAMED[0]}.jinja")),
    ("v1.2.0", write(f"template/{DROPPED}", DISCARD)),
    # An option: before, no service had manifests for Kubernetes.
    ("v1.3.0", never_asked("kubernetes", False)),
    # Others: before, no service had a cache, and nobody to repair it or to follow changes.
    ("v1.3.0", never_asked("changes", "none")),
    ("v1.3.0", never_asked("reconciler", "none")),
    ("v1.3.0", never_asked("cache", "none")),
    # And more: before, no service had events or jobs.
    ("v1.3.0", never_asked("events", "none")),
    ("v1.3.0", never_asked("rules_from", "none")),
    ("v1.3.0", never_asked("rules_source", "file")),
    ("v1.3.0", never_asked("guard", "none")),
    ("v1.3.0", never_asked("auth", "none")),
    ("v1.3.0", never_asked("tracing", "none")),
    ("v1.3.0", never_asked("plugins", "none")),
    ("v1.3.0", never_asked("jobs", "none")),
    # A question that sets the defaults of others.
    ("v1.3.0", without_kinds),
    # The list of files that an answer does without: before, conditions stood in the names of paths.
    ("v1.2.0", put_conditions_into_names),
    # Other text: in a managed file, in one that many people edit, and in a seeded one.
    ("v1.3.0", replace("template/docker-compose.yml.jinja", r"stop_grace_period: 30s", "stop_grace_period: 25s")),
    ("v1.3.0", replace("template/Dockerfile.jinja", r"^EXPOSE 8080$", "EXPOSE 8080/tcp")),
    ("v1.3.0", replace("template/internal/order/order.go", r"is the most that one order can", "is what an order may")),
)
