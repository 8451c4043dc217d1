"""What a build is made from: version, commit and time, read from git."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from ..core.errors import MissingFault, UsageFault
from ..core.runner import Outcome, Runner

IGNORED_FOLDERS = {".git", ".venv", "dist", "data", "node_modules", "__pycache__"}


@dataclass(frozen=True)
class BuildInfo:
    """What ldflags bake into a binary and `/version` answers with. `built_at` is the commit's time in RFC 3339.

    Without `baked` the binary is for several environments: it is told its own where it starts.
    """

    service: str
    env: str
    version: str
    commit: str
    built_at: str
    baked: bool = True

    def document(self) -> dict[str, str]:
        """The JSON document of `/version`."""
        return {name: value for name, value in asdict(self).items() if name != "baked"}

    def in_binary(self) -> dict[str, str]:
        """The JSON document of `<service> version`, where nothing tells the binary its environment."""
        return {**self.document(), "env": self.baked_env}

    def of_version(self, version: str) -> BuildInfo:
        """The same of another name: a commit has several versions once it is tagged."""
        return replace(self, version=version)

    @property
    def baked_env(self) -> str:
        """The environment that is built in; empty where there is none."""
        return self.env if self.baked else ""

    @property
    def of_commit(self) -> bool:
        """Whether it is a commit as it is, without changes."""
        return self.commit != "unknown" and "-dirty." not in self.version

    @property
    def epoch(self) -> str:
        """`built_at` in seconds since 1970, for SOURCE_DATE_EPOCH (reproducible-builds.org)."""
        return str(int(datetime.fromisoformat(self.built_at.replace("Z", "+00:00")).timestamp()))


def read_build_info(runner: Runner, service: str, env: str, baked: bool = True) -> BuildInfo:
    """The build information of the work tree as it is.

    The time is the commit's, so that the same commit gives the same bytes. Uncommitted changes add a hash of their
    content to the version: two different work trees never share one. Without a repository, or without a commit in it,
    the files themselves are the version; MissingFault where there is one and git cannot read it. `baked` says whether
    the environment is built in.
    """
    commit = _commit(runner) if _in_repository(runner.root) else ""
    if not commit:
        version = f"0.0.0-{_tree_hash(runner.root)}"
        return BuildInfo(service, env, version, "unknown", _moment(_newest(runner.root)), baked)
    described = _git(runner, "-c", "core.abbrev=auto", "describe", "--tags", "--always", "--match", "v[0-9]*").strip()
    changes = _changes(runner)
    version = f"{described}-dirty.{changes}" if changes else described
    return BuildInfo(service, env, version, commit, _moment(_commit_time(runner)), baked)


def _in_repository(root: Path) -> bool:
    """Whether git would find a repository: in the folder or above it, on the same file system."""
    device = root.stat().st_dev
    folders = itertools.takewhile(lambda folder: folder.stat().st_dev == device, (root, *root.parents))
    return any((folder / ".git").exists() for folder in folders)


def _commit(runner: Runner) -> str:
    """The commit that the work tree is of; empty where there is none yet."""
    found = runner.read(["git", "rev-parse", "--verify", "--quiet", "HEAD"])
    if not found.ok and found.tail():
        raise _refused(found)
    return found.stdout.strip() if found.ok else ""


def _git(runner: Runner, *words: str) -> str:
    """What a git command says; MissingFault with git's own words where it fails."""
    done = runner.read(["git", *words])
    if not done.ok:
        raise _refused(done)
    return done.stdout


def _refused(outcome: Outcome) -> MissingFault:
    remedy = "do what git says: without it, it is not known what would be built"
    return MissingFault("git cannot read the repository", details=outcome.tail(), remedy=remedy)


def _commit_time(runner: Runner) -> int:
    wanted = os.environ.get("SOURCE_DATE_EPOCH")
    if wanted is None:
        return int(_git(runner, "log", "-1", "--format=%ct", "--no-show-signature"))
    if not re.fullmatch(r"[0-9]{1,11}", wanted):
        raise UsageFault(f'SOURCE_DATE_EPOCH is "{wanted}"', remedy="give seconds since 1970, or unset it")
    return int(wanted)


def _changes(runner: Runner) -> str:
    """A short hash of everything that differs from the commit, or nothing where the tree is clean."""
    # None of a user's own ways to show differences.
    form = (
        "--binary",
        "--full-index",
        "--no-renames",
        "--unified=3",
        "--diff-algorithm=myers",
        "--src-prefix=a/",
        "--dst-prefix=b/",
    )
    diff = _git(runner, "diff", *form, "--no-color", "--no-ext-diff", "--no-textconv", "HEAD", "--", ".")
    listed = _git(runner, "ls-files", "--others", "--exclude-standard", "-z")
    added = [name for name in listed.split("\0") if name]
    if not diff and not added:
        return ""
    digest = hashlib.sha256(diff.encode())
    for name in added:
        digest.update(name.encode() + b"\0" + _content(runner.root / name))
    return digest.hexdigest()[:8]


def _tree_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + _content(path))
    return digest.hexdigest()[:8]


def _newest(root: Path) -> int:
    return int(max((path.stat().st_mtime for path in _sources(root)), default=0))


def _sources(root: Path) -> list[Path]:
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in IGNORED_FOLDERS)
        paths += [Path(folder) / name for name in sorted(names) if not name.endswith(".local")]
    return [path for path in paths if path.is_file()]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Migration:
    """A migration file; it is irreversible where a line of it says so: `-- irreversible`."""

    name: str
    irreversible: bool


def migrations_fingerprint(root: Path) -> str:
    """A hash of the migrations with their names; empty where there are none."""
    files = sorted((root / "migrations").glob("*.sql"))
    digest = hashlib.sha256(b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in files))
    return digest.hexdigest()[:16] if files else ""


def migrations_unknown_to(runner: Runner, commit: str) -> list[Migration]:
    """The migrations of the work tree that a commit does not have; all of them where git does not know the commit."""
    listed = runner.read(["git", "ls-tree", "--name-only", commit, "migrations/"]) if commit else None
    known = set(listed.stdout.split()) if listed else set()
    files = sorted((runner.root / "migrations").glob("*.sql"))
    return [
        Migration(path.name, "-- irreversible" in path.read_text(encoding="utf-8").lower())
        for path in files
        if f"migrations/{path.name}" not in known
    ]
