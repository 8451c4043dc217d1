"""What is needed to put everything back, on disk in `.git` before anything changes.

The copies are of the bytes in the work tree: what git would check out can differ in its line ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import UsageFault
from ..core.paths import write_private
from .index import Index
from .merge import File, Merged
from .origin import ANSWERS
from .repository import FILE_MODES, Entry, Repository, Tree, blob_name, even_ends, read_text

NAME = "copier-gin-update"


@dataclass(frozen=True)
class Was:
    """A file before the update: the number of its copy (empty where there was none), its mode, and the hashes of its
    content before and after (empty: no file)."""

    copy: str
    mode: int
    before: str
    after: str


@dataclass
class Checkout:
    """The work tree of a service in git, and the record of an update that was not committed yet.

    A repository may hold several services, each in a folder of its own: each has its own record. `under_way` says that
    files of this one are being changed.
    """

    root: Path
    under_way: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.repository = Repository(self.root)
        self.prefix = self.repository.place("rev-parse", "--show-prefix")
        self.index = Index(self.repository, self.prefix)
        self.folder = self.root / self.repository.place("rev-parse", "--git-path", NAME) / _hash_text(self.prefix)[:16]

    def head(self) -> str:
        """The commit that is checked out; empty where there is none, or no repository."""
        return self.repository.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    def tree(self) -> Tree:
        """The service's files as the commit has them."""
        return self.repository.tree(f"{self.head()}:{self.prefix}")

    def dirty(self) -> list[str]:
        """The files of the service that differ from the commit, those that git does not know included."""
        listed = self.repository.run("status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", ".")
        names = [entry[3:] for entry in os.fsdecode(listed).split("\0") if entry]
        return [name.removeprefix(self.prefix) for name in names]

    def files(self, folder: str) -> list[str]:
        """The files of a folder that git has or would take."""
        words = ("ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", folder)
        return [path for path in os.fsdecode(self.repository.call(*words).stdout).split("\0") if path]

    def hidden(self) -> list[str]:
        """The files that are not as the commit has them and that git was told not to look at."""
        flagged = sorted({path for paths in self.index.flags().values() for path in paths})
        return self.differing([path for path in flagged if (self.root / path).exists()], self.tree())

    def differing(self, paths: Iterable[str], tree: Tree) -> list[str]:
        """Those of the paths that are not on disk as `tree` has them, whatever git believes, line ends apart."""
        return [path for path in paths if not self._is_as(path, tree.get(path))]

    def _is_as(self, path: str, entry: Entry | None) -> bool:
        place = self.root / path
        if not entry or entry.mode not in FILE_MODES:
            return place.is_symlink() if entry else not os.path.lexists(place)
        if place.is_symlink() or not place.is_file():
            return False
        content = place.read_bytes()
        return (
            blob_name(content, like=entry.blob) == entry.blob
            or even_ends(content) == even_ends(self.repository.content(entry.blob))
            # What a filter of .gitattributes makes of it, as for another encoding.
            or self.repository.text("hash-object", "--", path) == entry.blob
        )

    # --- Before ---------------------------------------------------------------------------------------------------

    def begin(self, merged: Merged, branch: str, about: Mapping[str, str]) -> None:
        """Copy every file that will change, then write the record: from here on all can be put back."""
        shutil.rmtree(self.folder, ignore_errors=True)
        copies = self.folder / "files"
        copies.mkdir(parents=True)
        paths = {}
        for number, (path, file) in enumerate(sorted(merged.files.items())):
            place = self.root / path
            there = place.is_file()
            if there:
                shutil.copyfile(place, copies / str(number))
            after = _hash(self._bytes(path, file)) if file else ""
            paths[path] = asdict(
                Was(str(number) if there else "", place.stat().st_mode if there else 0, _hash_of(place), after)
            )
        new_folders = {parent for path in merged.files for parent in (self.root / path).parents if not parent.exists()}
        self._write(
            {
                **about,
                "head": self.head(),
                "reference": self.repository.text("symbolic-ref", "--quiet", "HEAD"),
                "branch": branch,
                "done": False,
                "finished": False,
                "paths": paths,
                "disputed": sorted(merged.stages),
                "flags": self.index.flags(),
                "folders": sorted((str(folder.relative_to(self.root)) for folder in new_folders), reverse=True),
            }
        )

    def apply(self, merged: Merged, branch: str) -> None:
        """Write all files, and the index with what is in dispute as unmerged, as `git merge` leaves it."""
        self.under_way = True
        if branch:
            self.repository.run("branch", "--no-track", "--", branch)
            self.repository.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        for path, file in sorted(merged.files.items(), key=lambda item: (_turn(item[0]), item[1] is None)):
            if file:
                self._put(path, self._bytes(path, file), file.executable)
            else:
                (self.root / path).unlink(missing_ok=True)
                self._drop_empty_folders(path)
        self.index.stage(path for path in merged.files if path not in merged.stages)
        self.index.dispute(merged.stages)
        self._write({**self.read(), "done": True})

    def finish(self, changed: Iterable[str]) -> None:
        """Note that the update has come to its end, with files that a tool has changed since they were written."""
        record = self.read()
        for path in changed:
            record["paths"][path]["after"] = _hash_of(self.root / path)
        self._write({**record, "finished": True})

    def holds(self, path: str, file: File) -> bool:
        """Whether a file is already what it is to be."""
        return _hash_of(self.root / path) == _hash(self._bytes(path, file))

    def former(self, path: str) -> str:
        """The text that a file had before the update; empty where there was none."""
        was = self.read()["paths"].get(path, {})
        return read_text(self.folder / "files" / was["copy"]) if was.get("copy") else ""

    # --- Afterwards -----------------------------------------------------------------------------------------------

    def read(self) -> dict[str, Any]:
        """The record, empty where no update is under way."""
        path = self.folder / "record.json"
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return record

    def forget(self) -> None:
        """Remove the record: the update was committed, or put back."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def only_interrupted(self) -> bool:
        """Whether an update was ended half-way and nobody has changed anything since."""
        record = self.read()
        if not record or record.get("finished", record["done"]) or self._committed(record):
            return False
        paths = _paths(record)
        drafts = {str(_draft(self.root / path).relative_to(self.root)) for path in paths}
        known = {*paths, *record["disputed"], *drafts}
        return all(name in known for name in self.dirty()) and all(
            _hash_of(self.root / path) in (was.before, was.after) for path, was in paths.items()
        )

    def half_done(self) -> list[str]:
        """The files that an update did not get to, which ended half-way; whatever was committed since."""
        record = self.read()
        differing = {path: was for path, was in _paths(record).items() if was.before != was.after}
        now = {path: _hash_of(self.root / path) for path in differing}
        if record.get("done", True) or not any(now[path] == was.after for path, was in differing.items()):
            return []
        return [path for path, was in differing.items() if now[path] == was.before]

    def _committed(self, record: Mapping[str, Any]) -> bool:
        """Whether the service is another one in history by now; what other services of the repository did is theirs."""
        one, two = (self.repository.text("rev-parse", f"{commit}:{self.prefix}") for commit in (record["head"], "HEAD"))
        return one != two

    def put_back(self) -> list[str]:
        """Make every file, the index and the branch what they were; gives the paths. UsageFault where that is late."""
        record = self.read()
        if not record:
            raise UsageFault("there is no update to put back", remedy="git log shows what was committed")
        if self._committed(record):
            raise UsageFault("the update was committed: it is history now", remedy="git revert takes a commit back")
        self.under_way = True
        for path, was in _paths(record).items():
            self._put_back_file(path, was)
        for folder in record["folders"]:
            if (self.root / folder).is_dir() and not any((self.root / folder).iterdir()):
                (self.root / folder).rmdir()
        self.index.put_back([*record["paths"], *record["disputed"]], record["flags"])
        self._put_back_branch(record)
        self.forget()
        self.under_way = False
        return list(record["paths"])

    def _put_back_file(self, path: str, was: Was) -> None:
        place = self.root / path
        _draft(place).unlink(missing_ok=True)
        if _hash_of(place) == was.before:
            return
        if was.copy:
            self._put(path, (self.folder / "files" / was.copy).read_bytes(), False)
            place.chmod(was.mode & 0o7777)
        else:
            place.unlink(missing_ok=True)

    def _put_back_branch(self, record: Mapping[str, Any]) -> None:
        """Leave the branch that the update made, unless somebody works on it since: it holds no commit of its own."""
        branch = f"refs/heads/{record['branch']}"
        here = self.repository.text("symbolic-ref", "--quiet", "HEAD")
        if not record["branch"] or self.repository.text("rev-parse", "--verify", "--quiet", branch) != record["head"]:
            return
        if here not in (branch, record["reference"]):
            return
        if record["reference"]:
            self.repository.run("symbolic-ref", "HEAD", record["reference"])
        else:
            self.repository.run("checkout", "--quiet", "--detach")
        self.repository.run("branch", "--quiet", "-D", "--", record["branch"])

    def _write(self, record: Mapping[str, Any]) -> None:
        write_private(self.folder / "record.json", json.dumps(record, indent=1))

    def _bytes(self, path: str, file: File) -> bytes:
        """A file's content with the line ends that it has in the work tree now."""
        place = self.root / path
        windows = place.is_file() and b"\r\n" in place.read_bytes()
        return file.content.replace(b"\n", b"\r\n") if windows else file.content

    def _put(self, path: str, content: bytes, executable: bool) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        mode = place.stat().st_mode & 0o777 if place.is_file() else 0o644
        draft = _draft(place)
        draft.write_bytes(content)
        draft.chmod(mode | 0o111 if executable else mode & ~0o111)
        draft.replace(place)

    def _drop_empty_folders(self, path: str) -> None:
        for parent in (self.root / path).parents:
            if parent == self.root or any(parent.iterdir()):
                return
            parent.rmdir()


def _turn(path: str) -> int:
    """When a file is written. The tasks late and at once: a kill in between must leave those that can put everything
    back. The answers last: a service must not say that it is at a version which it has a part of."""
    return 2 if path == ANSWERS else 1 if path.startswith("tasks/") else 0


def _paths(record: Mapping[str, Any]) -> dict[str, Was]:
    return {path: Was(**was) for path, was in record.get("paths", {}).items()}


def _draft(place: Path) -> Path:
    """Where a file is written before it takes its place as a whole."""
    return place.with_name(f".{place.name}.{NAME}")


def _hash_text(text: str) -> str:
    return _hash(os.fsencode(text))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_of(place: Path) -> str:
    return _hash(place.read_bytes()) if place.is_file() else ""
