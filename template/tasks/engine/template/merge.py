"""The merge itself, made by git in a repository aside: the service sees its result or nothing of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .ownership import Ownership
from .repository import FILE_MODES, Entry, Repository, Tree
from .sides import Renames, Sides, Versions, plan_sides, unmerged

SETTINGS = "invoke.yaml"
TASKS = ("tasks/", "inv")


@dataclass(frozen=True)
class File:
    """What a file is to hold."""

    content: bytes
    executable: bool


@dataclass
class Merged:
    """What an update comes to: files to write (None: to remove), what is in dispute and why, what was left alone.

    `stages` holds, for the index, the sides of every path in dispute: stage, mode and content.
    """

    files: dict[str, File | None] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    carried: dict[str, str] = field(default_factory=dict)
    stages: dict[str, list[tuple[str, str, bytes]]] = field(default_factory=dict)


@dataclass
class Bench:
    """A repository aside that can read everything of the service's, and leaves nothing there."""

    repository: Repository

    def tree(self, folder: Path) -> dict[str, Entry]:
        """A rendered service."""
        return self.repository.folder_tree(folder)

    def merge(self, versions: Versions, ownership: Ownership, root: Path, label: str) -> Merged:
        """Merge the template's change into the service's tree; `root` is asked for files that git does not have."""
        renames = self._renames(versions, ownership)
        sides = plan_sides(versions, ownership, renames, lambda path: _there(root, path))
        self._even_line_ends(sides)
        merged = Merged(conflicts=dict(sides.conflicts), kept=dict(sides.kept))
        self._run(sides, label)
        self._collect(merged, sides, versions.service)
        for path in sides.conflicts:
            self._stage_untouched(merged, path, versions)
        for former, newer in renames.template.items():
            if merged.files.get(newer) and versions.service.get(former) not in (None, versions.former[former]):
                merged.carried[newer] = f"your changes to {former} were carried over: the template renamed it"
        return merged

    def _renames(self, versions: Versions, ownership: Ownership) -> Renames:
        def managed(tree: Tree) -> dict[str, Entry]:
            return {path: entry for path, entry in tree.items() if ownership.owner(path) == "managed"}

        former, newer = managed(versions.former), managed(versions.newer)
        # In the service, a file of the template may have moved anywhere.
        mine = {path: entry for path, entry in versions.service.items() if path in former or path not in newer}
        commits = [self.repository.commit(tree) for tree in (former, newer, mine)]
        return Renames(
            service=self.repository.renames(commits[0], commits[2]),
            template=self.repository.renames(commits[0], commits[1]),
        )

    def _even_line_ends(self, sides: Sides) -> None:
        """Compare text, not line ends: a file that has CRLF in git alone would differ in every line."""
        for path, mine in sides.ours.items():
            if mine.mode in FILE_MODES and mine != sides.base.get(path) and path in sides.base:
                content = self.repository.content(mine.blob)
                if b"\r\n" in content:
                    sides.ours[path] = Entry(mine.mode, self.repository.keep(content.replace(b"\r\n", b"\n")))

    def _run(self, sides: Sides, label: str) -> None:
        base = self.repository.commit(sides.base)
        ours, theirs = (self.repository.commit(side, base) for side in (sides.ours, sides.theirs))
        self.repository.run("update-ref", f"refs/heads/{label}", theirs)
        self.repository.run("checkout", "--quiet", "--force", "--detach", ours)
        settings = ("merge.directoryRenames=false", "merge.renameLimit=0", "merge.conflictStyle=merge")
        options = [word for setting in settings for word in ("-c", setting)]
        self.repository.run(*options, "merge", "--quiet", "--no-ff", "--no-commit", label, ok=(0, 1))

    def _collect(self, merged: Merged, sides: Sides, service: Tree) -> None:
        entries: dict[str, dict[str, Entry]] = defaultdict(dict)
        for path, stage, entry in self.repository.staged():
            entries[path][stage] = entry
        for path, stages in entries.items():
            if "0" not in stages:
                merged.conflicts[path] = unmerged(stages)
                merged.stages[path] = [(n, e.mode, self.repository.content(e.blob)) for n, e in stages.items()]
                self._disputed(merged, path, service)
            elif stages["0"] != sides.ours.get(path):
                merged.files[path] = File(self.repository.content(stages["0"].blob), stages["0"].mode == "100755")
        for path in sides.ours:
            if path not in entries and path in service:
                merged.files[path] = None

    def _disputed(self, merged: Merged, path: str, service: Tree) -> None:
        """What git left in its work tree goes into the service's, markers included, unless the tasks read that file:
        they must still run, to put everything back."""
        left = self.repository.folder / path
        content = left.read_bytes() if left.is_file() else None
        sides = {stage: text for stage, _, text in merged.stages[path]}
        if path == SETTINGS:
            content = sides.get("2")
            merged.conflicts[path] += "; yours is in the file, the template's is staged as theirs"
        elif path.startswith(TASKS) and "3" in sides:
            content = sides["3"]
            merged.conflicts[path] += "; the template's is in the file, yours is staged as ours"
        elif content and b"\n<<<<<<< " in b"\n" + content:
            merged.conflicts[path] += "; both are in the file, between markers"
        mine = self.repository.content(service[path].blob) if path in service else None
        if content is None and mine is not None:
            merged.files[path] = None
        elif content is not None and content != mine:
            merged.files[path] = File(content, left.exists() and bool(left.stat().st_mode & 0o100))

    def _stage_untouched(self, merged: Merged, path: str, versions: Versions) -> None:
        sides = (("2", versions.service.get(path)), ("3", versions.newer.get(path)))
        merged.stages[path] = [(n, e.mode, self.repository.content(e.blob)) for n, e in sides if e]


def make_bench(folder: Path, objects: Path) -> Bench:
    """Make the repository aside; `objects` is the service's store of objects, which it reads."""
    folder.mkdir()
    repository = Repository(folder, aside=True)
    repository.run("init", "--quiet", "--template=")
    (folder / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")
    return Bench(repository)


def _there(root: Path, path: str) -> bool:
    """Whether something is at a path, or one of its parents is no folder."""
    place = root
    for part in path.split("/")[:-1]:
        place /= part
        if place.is_symlink() or place.is_file():
            return True
    return (root / path).is_symlink() or (root / path).exists()
