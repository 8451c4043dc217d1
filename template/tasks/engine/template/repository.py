"""Git as the update needs it: with bytes in and out, and without anybody's settings where it works aside."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Fault, MissingFault

NOBODY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "template@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
FILE_MODES = ("100644", "100755")
PATTERNS = tuple(f"GIT_{kind}_PATHSPECS" for kind in ("GLOB", "NOGLOB", "ICASE"))
SURROUNDINGS = (*PATTERNS, "GIT_NAMESPACE", "GIT_ATTR_SOURCE", "GIT_DEFAULT_HASH")
"""What changes git's answers as well, and is not in its own list of the variables of a repository."""


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
            details = done.stderr.decode(errors="replace").strip().splitlines()[-8:]
            raise Fault(f"git {words[0]} failed", where=str(self.folder), details=details)
        return done.stdout

    def text(self, *words: str) -> str:
        """What git prints, without the line end; empty where it fails."""
        done = self.call(*words)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""

    def place(self, *words: str) -> str:
        """A path that git prints, whatever bytes it is made of; empty where git fails."""
        done = self.call(*words)
        return os.fsdecode(done.stdout).removesuffix("\n") if done.returncode == 0 else ""

    def call(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git whatever comes of it; MissingFault where there is no git."""
        environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
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
        self.run("update-index", "-z", "--index-info", given=os.fsencode("".join(lines)))
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


def forget_surroundings() -> None:
    """Let this process, Copier and Go included, work with the repository of the folder that they are in.

    A hook, an alias or a shell may have set variables that lead git to another repository or another index.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    with suppress(FileNotFoundError):
        done = subprocess.run(["git", "rev-parse", "--local-env-vars"], env=others, capture_output=True, check=False)
        for name in (*done.stdout.decode().split(), *SURROUNDINGS):
            os.environ.pop(name, None)


def shown(path: str) -> str:
    """A path as it can be printed: bytes that are no UTF-8 as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_text(path: str) -> bool:
    """Whether the bytes of a path are UTF-8."""
    return shown(path).encode() == os.fsencode(path)


def read_text(path: Path) -> str:
    """A file of the service with even line ends, as text that loses no byte of it; empty where there is none."""
    return even_ends(path.read_bytes()).decode("utf-8", "surrogateescape") if path.exists() else ""


def to_bytes(text: str) -> bytes:
    """What such a text is made of."""
    return text.encode("utf-8", "surrogateescape")


def even_ends(content: bytes) -> bytes:
    """Content with the line ends that git has."""
    return content.replace(b"\r\n", b"\n")


def blob_name(content: bytes, like: str) -> str:
    """What git calls content, by the kind of hash that the name `like` is."""
    algorithm = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def _records(output: bytes) -> Iterator[str]:
    return (record for record in os.fsdecode(output).split("\0") if record)
