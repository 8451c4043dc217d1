"""What is needed to put everything back, on disk in `.git` before anything changes.

The copies are of the bytes in the work tree: what git would check out can differ in its line ends.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UsageFault
from ..core.paths import write_private
from .merge import File, Merged
from .repository import Repository

NAME = "copier-gin-update"
NOTHING = "0" * 40


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
    """The work tree of a service in git, and the record of an update that was not committed yet."""

    root: Path

    def __post_init__(self) -> None:
        self.repository = Repository(self.root)
        self.prefix = self.repository.text("rev-parse", "--show-prefix")
        self.folder = self.root / self.repository.text("rev-parse", "--git-path", NAME)

    def head(self) -> str:
        """The commit that is checked out; empty where there is none, or no repository."""
        return self.repository.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    def dirty(self) -> list[str]:
        """The files of the service that differ from the commit, those that git does not know included."""
        listed = self.repository.run("status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", ".")
        names = [entry[3:] for entry in listed.decode("utf-8", "surrogateescape").split("\0") if entry]
        return [name.removeprefix(self.prefix) for name in names]

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
                "paths": paths,
                "disputed": sorted(merged.stages),
                "folders": sorted((str(folder.relative_to(self.root)) for folder in new_folders), reverse=True),
            }
        )

    def apply(self, merged: Merged, branch: str) -> None:
        """Write all files, and the index with what is in dispute as unmerged, as `git merge` leaves it."""
        if branch:
            self.repository.run("branch", "--no-track", "--", branch)
            self.repository.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        # The tasks last and at once: a kill in between must leave those that can put everything back.
        for path, file in sorted(
            merged.files.items(), key=lambda item: (item[0].startswith("tasks/"), item[1] is None)
        ):
            if file:
                self._put(path, self._bytes(path, file), file.executable)
            else:
                (self.root / path).unlink(missing_ok=True)
                self._drop_empty_folders(path)
        self.stage([path for path in merged.files if path not in merged.stages])
        self._dispute(merged)

    def stage(self, paths: Iterable[str]) -> None:
        """Put files into the index as they are, removed ones too."""
        given = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
        self.repository.run("update-index", "--add", "--remove", "-z", "--stdin", given=given)

    def holds(self, path: str, file: File) -> bool:
        """Whether a file is already what it is to be."""
        return _hash_of(self.root / path) == _hash(self._bytes(path, file))

    def former(self, path: str) -> str:
        """The text that a file had before the update; empty where there was none."""
        was = self.read()["paths"].get(path, {})
        return (self.folder / "files" / was["copy"]).read_text(encoding="utf-8") if was.get("copy") else ""

    def finish(self, changed: Iterable[str]) -> None:
        """Note that all was written, with files that a tool has changed since."""
        record = self.read()
        for path in changed:
            record["paths"][path]["after"] = _hash_of(self.root / path)
        self._write({**record, "done": True})

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
        if not record or record["done"] or record["head"] != self.head():
            return False
        paths = {path: Was(**was) for path, was in record["paths"].items()}
        drafts = {str(_draft(self.root / path).relative_to(self.root)) for path in paths}
        known = {*paths, *record["disputed"], *drafts}
        return all(name in known for name in self.dirty()) and all(
            _hash_of(self.root / path) in (was.before, was.after) for path, was in paths.items()
        )

    def put_back(self) -> list[str]:
        """Make every file, the index and the branch what they were; gives the paths. UsageFault where that is late."""
        record = self.read()
        if not record:
            raise UsageFault("there is no update to put back", remedy="git log shows what was committed")
        if record["head"] != self.head():
            raise UsageFault("the update was committed: it is history now", remedy="git revert takes a commit back")
        for path, was in record["paths"].items():
            self._put_back_file(path, Was(**was))
        for folder in record["folders"]:
            if (self.root / folder).is_dir() and not any((self.root / folder).iterdir()):
                (self.root / folder).rmdir()
        self._put_back_index([*record["paths"], *record["disputed"]])
        self._put_back_branch(record)
        self.forget()
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

    def _put_back_index(self, paths: list[str]) -> None:
        tree = self.repository.tree("HEAD")
        lines = []
        for path in paths:
            full = f"{self.prefix}{path}"
            lines.append(f"0 {NOTHING}\t{full}\0")
            if full in tree:
                lines.append(f"{tree[full].mode} {tree[full].blob}\t{full}\0")
        given = "".join(lines).encode("utf-8", "surrogateescape")
        self.repository.run("update-index", "-z", "--index-info", given=given)
        self.repository.call("update-index", "-q", "--refresh")

    def _put_back_branch(self, record: Mapping[str, Any]) -> None:
        branch = record["branch"]
        if not branch or self.repository.text("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") == "":
            return
        if record["reference"]:
            self.repository.run("symbolic-ref", "HEAD", record["reference"])
        else:
            self.repository.run("checkout", "--quiet", "--detach")
        self.repository.run("branch", "--quiet", "-D", "--", branch)

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

    def _dispute(self, merged: Merged) -> None:
        lines = []
        for path, stages in merged.stages.items():
            full = f"{self.prefix}{path}"
            lines.append(f"0 {NOTHING}\t{full}\0")
            for stage, mode, content in stages:
                lines.append(f"{mode} {self.repository.keep(content)} {stage}\t{full}\0")
        self.repository.run("update-index", "-z", "--index-info", given="".join(lines).encode())


def _draft(place: Path) -> Path:
    """Where a file is written before it takes its place as a whole."""
    return place.with_name(f".{place.name}.{NAME}")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_of(place: Path) -> str:
    return _hash(place.read_bytes()) if place.is_file() else ""
