"""Git as the update needs it: with bytes in and out, and without anybody's settings where it works aside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Fault, MissingFault

NOBODY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "template@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
FILE_MODES = ("100644", "100755")


@dataclass(frozen=True)
class Entry:
    """What git keeps at a path: the mode, and the name of the content."""

    mode: str
    blob: str


Tree = Mapping[str, Entry]


@dataclass(frozen=True)
class Repository:
    """The repository that `folder` is in; `aside` means one of our own, which takes nobody's settings."""

    folder: Path
    aside: bool = False

    def run(self, *words: str, given: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """Run git and give what it prints; Fault with its own words where it ends in another way than `ok`."""
        done = self.call(*words, given=given)
        if done.returncode not in ok:
            details = done.stderr.decode(errors="replace").strip().splitlines()[-5:]
            raise Fault(f"git {words[0]} failed", where=str(self.folder), details=details)
        return done.stdout

    def text(self, *words: str) -> str:
        """What git prints, without the line end; empty where it fails."""
        done = self.call(*words)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""

    def call(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git whatever comes of it; MissingFault where there is no git."""
        environment = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
        environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
        environment |= NOBODY if self.aside else {}
        try:
            return subprocess.run(
                ["git", *words], cwd=self.folder, env=environment, input=given, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise MissingFault("git is not installed", remedy="install git and run the task again") from None

    def tree(self, name: str) -> dict[str, Entry]:
        """All files of a commit or a tree."""
        found = {}
        for record in _records(self.run("ls-tree", "-r", "-z", "--full-tree", name)):
            about, _, path = record.partition("\t")
            mode, _, blob = about.split(" ")
            found[path] = Entry(mode, blob)
        return found

    def folder_tree(self, folder: Path) -> dict[str, Entry]:
        """All files of a folder outside the repository, whose contents it takes in."""
        place = f"--work-tree={folder}"
        self.run("read-tree", "--empty")
        self.run(place, "-c", "core.autocrlf=false", "add", "--all", "--force", ".")
        return self.tree(self.run("write-tree").decode().strip())

    def commit(self, tree: Tree, *parents: str) -> str:
        """The name of a commit that holds `tree`; no branch leads to it."""
        lines = [f"{entry.mode} {entry.blob}\t{path}\0" for path, entry in tree.items()]
        self.run("read-tree", "--empty")
        self.run("update-index", "-z", "--index-info", given="".join(lines).encode())
        name = self.run("write-tree").decode().strip()
        options = [word for parent in parents for word in ("-p", parent)]
        return self.run("commit-tree", "-m", "side", *options, name).decode().strip()

    def renames(self, one: str, two: str) -> dict[str, str]:
        """The files that have another name in commit `two`, by the name in `one`; git tells them by their content."""
        words = list(
            _records(self.run("diff", "--find-renames", "-l0", "--diff-filter=R", "--name-status", "-z", one, two))
        )
        return dict(zip(words[1::3], words[2::3], strict=True))

    def content(self, blob: str) -> bytes:
        """A file's content by its name."""
        return self.run("cat-file", "blob", blob)

    def keep(self, content: bytes) -> str:
        """Take content in, and give its name."""
        return self.run("hash-object", "-w", "--stdin", given=content).decode().strip()

    def staged(self) -> Iterator[tuple[str, str, Entry]]:
        """Path, stage and entry of everything in the index; stage 0 is what no merge disputes."""
        for record in _records(self.run("ls-files", "--stage", "-z")):
            about, _, path = record.partition("\t")
            mode, blob, stage = about.split(" ")
            yield path, stage, Entry(mode, blob)


def _records(output: bytes) -> Iterator[str]:
    return (record for record in output.decode("utf-8", "surrogateescape").split("\0") if record)
