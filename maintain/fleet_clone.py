"""A clone of a service's repository to work in.

The repository itself is only read until a branch is pushed to it: its work tree, its index and the branch that is
checked out there stay as they are, and a killed run leaves nothing behind in it.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service_tasks.engine.core.errors import LockedFault, UsageFault
from service_tasks.engine.core.paths import cache_home, private_folder
from service_tasks.engine.template.addresses import masked

from .fleet_commands import Commands
from .fleet_sources import Source

ANSWERS = ".copier-answers.yml"
IN_FOLDERS = "call ./inv template.update in each folder: a fleet's branch is that of one service"
MARK = "<<<<<<< "
"""How a conflict begins in a file."""


@dataclass(frozen=True)
class Clone:
    """The clone in `folder`; its origin is the service's repository."""

    folder: Path
    commands: Commands

    def git(self, *words: str) -> str:
        """Run git in it; Fault where git fails."""
        return self.commands.git(self.folder, *words)

    def base(self) -> str:
        """The branch that is checked out in the service's repository; HEAD where it is none."""
        return self.git("rev-parse", "--abbrev-ref", "HEAD")

    def head(self, name: str) -> str:
        """The commit that a name stands for, empty where it stands for none."""
        return self.commands.run(["git", "rev-parse", "--verify", "--quiet", name], self.folder).stdout.strip()

    def version(self, commit: str) -> str:
        """The template's version that a commit says it was made from; empty where it says none."""
        import yaml

        shown = self.commands.run(["git", "show", f"{commit}:{ANSWERS}"], self.folder)
        try:
            answers = yaml.safe_load(shown.stdout) if shown.ok else None
        except yaml.YAMLError:
            answers = None
        return str(answers.get("_commit") or "") if isinstance(answers, dict) else ""

    def services_inside(self) -> list[str]:
        """The folders of the repository that hold a service of their own."""
        listed = self.git("ls-files", "-z", "--", f":(glob)**/{ANSWERS}").split("\0")
        return [path.removesuffix(f"/{ANSWERS}") for path in listed if path.endswith(f"/{ANSWERS}")]

    def switch(self, branch: str, new: bool) -> None:
        """Check a branch out."""
        self.git("switch", "--quiet", *(["--create"] if new else []), branch)

    def commit(self, message: str) -> None:
        """Commit what an update has changed, conflicts with their marks included; no hook may refuse it."""
        if self.git("status", "--porcelain"):
            self.git("add", "--all")
            self.git("commit", "--quiet", "--no-verify", "--message", message)

    def push(self, branch: str) -> None:
        """Put the branch into the service's repository; never by force."""
        self.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")

    def marked(self) -> list[str]:
        """The files of the last commit that have conflicts."""
        words = ["git", "grep", "--name-only", "-z", "-I", f"^{MARK}", "HEAD"]
        return [path.removeprefix("HEAD:") for path in self.commands.run(words, self.folder).stdout.split("\0") if path]

    def changes(self) -> dict[str, list[str]]:
        """The files that the branch has added, changed and removed since it left that of the repository."""
        words = ("diff", "--name-status", "--no-renames", "-z", "origin/HEAD...HEAD")
        fields = self.git(*words).split("\0")
        pairs = list(zip(fields[::2], fields[1::2], strict=False))
        kinds = {"added": "A", "changed": "M", "removed": "D"}
        return {kind: [path for letter, path in pairs if letter == sign] for kind, sign in kinds.items()}


@contextmanager
def open_clone(source: Source, commands: Commands) -> Iterator[Clone]:
    """Clone a source, with its user's name for commits, into a folder that is gone in the end.

    Raises UsageFault where it is no service, LockedFault where another run on this machine works on it.
    """
    _require_repository(source)
    home = private_folder(cache_home() / "fleet")
    with _held(source, home):
        for left_by_a_killed_run in home.glob(f"{source.key}.*.clone"):
            shutil.rmtree(left_by_a_killed_run, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{source.key}.", suffix=".clone", dir=home))
        try:
            clone = Clone(scratch / source.name, commands)
            commands.git(home, "clone", "--quiet", "--", source.address, str(clone.folder))
            _require_answers(source, clone)
            _take_over_name(source, clone)
            yield clone
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def uncommitted(source: Source, commands: Commands) -> bool:
    """Whether the service's folder has changes that no commit holds."""
    folder = source.folder
    return bool(folder and (folder / ".git").exists() and commands.git(folder, "status", "--porcelain"))


def checked_out(source: Source, commands: Commands) -> str:
    """The branch that the service's folder is on; empty for a URL, or where it is on none."""
    words = ["git", "symbolic-ref", "--short", "--quiet", "HEAD"]
    return commands.run(words, source.folder).stdout.strip() if source.folder else ""


@contextmanager
def _held(source: Source, home: Path) -> Iterator[None]:
    """Hold a source against other runs; it ends with the process, however that ends."""
    with (home / f"{source.key}.lock").open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedFault(
                "another run works on it", where=masked(source.address), remedy="wait until it is done"
            ) from None
        yield


def _require_repository(source: Source) -> None:
    folder = source.folder
    if folder and not (folder / ".git").exists() and not (folder / "HEAD").exists():
        what = "this folder is not the top of a git repository"
        remedy = IN_FOLDERS if (folder / ANSWERS).exists() else "leave it out"
        raise UsageFault(what, where=str(folder), remedy=remedy)


def _require_answers(source: Source, clone: Clone) -> None:
    if (clone.folder / ANSWERS).exists():
        return
    if inside := clone.services_inside():
        what = f"it holds services in folders: {', '.join(inside)}"
        raise UsageFault(what, where=masked(source.address), remedy=IN_FOLDERS)
    raise UsageFault(
        f"its last commit has no {ANSWERS}: it was not made from a template",
        where=masked(source.address),
        remedy="leave it out",
    )


def _take_over_name(source: Source, clone: Clone) -> None:
    for setting in ("user.name", "user.email") if source.folder else ():
        known = clone.commands.run(["git", "config", "--get", setting], Path(source.address))
        if known.ok:
            clone.git("config", setting, known.stdout.strip())
