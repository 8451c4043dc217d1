"""A deploy by a commit: an image's digest, and the values where they differ, in the repository that a cluster follows.

Git itself is the lock: a push that does not begin where the branch ends is refused, whoever was first.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..config.settings import GitOps
from ..core.errors import DeployFault, LockedFault, MissingFault, UsageFault
from ..core.network import masked_url
from ..core.runner import FOR_GIT, Outcome, Runner, clean_environment

TRIES = 10
"""How often a push is tried again that others were faster than, with what is not this environment's."""
OVERTAKEN = ("[rejected]", "[remote rejected]", "cannot lock ref", "failed to update ref")
DEPLOYED, REVERTED = "Deploy", "This reverts commit "


@dataclass(frozen=True)
class Commit:
    """What was pushed; `image` is the one that the branch names since, with its digest."""

    id: str
    subject: str
    branch: str
    image: str


@dataclass(frozen=True)
class Overlay:
    """The overlay of an environment, in the repository that its cluster follows."""

    runner: Runner
    gitops: GitOps
    service: str
    env: str

    def deploy(self, version: str, image: str, values: str) -> Commit | None:
        """Commit another image by its digest, and the file of the values; None where both are there already.

        LockedFault where somebody else has changed the overlay meanwhile.
        """
        subject = f"{DEPLOYED} {self.service} {version} to {self.env}"
        return self._published(lambda work: self._set(work, image, values, subject))

    def roll_back(self, to: str = "") -> Commit:
        """Revert the last deploy that stands, or return to the overlay as the commit `to` has it.

        DeployFault where there is nothing before it.
        """
        done = self._published(lambda work: self._return(work, to) if to else self._revert(work))
        if done is None:
            raise DeployFault(f"the overlay of {self.env} is as {to} has it already", where=self.gitops.path)
        return done

    def image(self) -> str:
        """The image that the branch names now, with its digest; empty where it names none by one."""
        with self._clone() as work:
            return image_in(work.read(), self.service)

    # --- Changes -------------------------------------------------------------------------------

    def _set(self, work: _Work, image: str, values: str, subject: str) -> None:
        work.write(work.kustomization, with_image(work.read(), self.service, image, str(work.kustomization)))
        work.write(work.values, values)
        if work.changed():
            work.git("add", "--all", "--", self.gitops.path)
            work.git("commit", "--quiet", "--message", subject, "--message", image)

    def _revert(self, work: _Work) -> None:
        standing = work.deploys(self.service)
        if len(standing) < 2:
            remedy = "deploy another version, or name a commit with --to"
            raise DeployFault("there is no former release to return to", where=self.gitops.path, remedy=remedy)
        done = work.run("revert", "--no-edit", standing[0])
        if not done.ok:
            remedy = "name the commit whose overlay shall come back, with --to"
            what = f"the deploy {standing[0][:12]} cannot be reverted"
            raise DeployFault(what, where=self.gitops.path, details=done.tail(4), remedy=remedy)

    def _return(self, work: _Work, to: str) -> None:
        found = work.run("rev-parse", "--verify", "--quiet", f"{to}^{{commit}}")
        there = work.run("cat-file", "-e", f"{to}:{self.gitops.path}")
        if not found.ok or not there.ok:
            remedy = f"git log -- {self.gitops.path} shows the commits that there are"
            raise UsageFault(f'there is no commit "{to}" with this overlay', where=self.gitops.branch, remedy=remedy)
        work.git("checkout", "--quiet", to, "--", self.gitops.path)
        if work.changed():
            short = found.stdout.strip()[:12]
            work.git("commit", "--quiet", "--all", "--message", f"Return {self.service} in {self.env} to {short}")

    # --- The repository ------------------------------------------------------------------------

    def _published(self, change: Callable[[_Work], None]) -> Commit | None:
        """Make a change on top of the branch, and push it; None where it changes nothing."""
        with self._clone() as work:
            first = work.tree()
            for _ in range(TRIES):
                before = work.head()
                change(work)
                if work.head() == before:
                    return None
                if self.runner.dry:
                    return self._commit(work)
                pushed = work.run("push", "--quiet", "origin", f"HEAD:refs/heads/{self.gitops.branch}")
                if pushed.ok:
                    return self._commit(work)
                if not any(word in pushed.stderr for word in OVERTAKEN):
                    raise self._refused("the commit cannot be pushed", pushed)
                work.git("fetch", "--quiet", "origin", self.gitops.branch)
                work.git("reset", "--quiet", "--hard", "FETCH_HEAD")
                if work.tree() != first:
                    what = f"somebody else has changed the overlay of {self.env} meanwhile"
                    remedy = "look at the repository's last commits, and deploy again"
                    raise LockedFault(what, where=self.gitops.path, remedy=remedy)
        raise self._refused(f"the commit was overtaken {TRIES} times", pushed)

    @contextmanager
    def _clone(self) -> Iterator[_Work]:
        with tempfile.TemporaryDirectory(prefix="copier-gin-") as folder:
            work = _Work(self.runner, Path(folder, "work"), self.gitops.path)
            words = ["clone", "--quiet", "--single-branch", "--branch", self.gitops.branch, "--"]
            done = work.call("git", *words, self.gitops.repository, str(work.folder))
            if not done.ok:
                raise self._refused("the repository cannot be cloned", done)
            if not work.kustomization.exists():
                remedy = "commit deploy/kubernetes there first, or set gitops.path in invoke.yaml"
                raise UsageFault(f"there is no overlay {self.gitops.path}", where=self.gitops.branch, remedy=remedy)
            yield work

    def _commit(self, work: _Work) -> Commit:
        subject = work.git("log", "-1", "--format=%s").strip()
        return Commit(work.head(), subject, self.gitops.branch, image_in(work.read(), self.service))

    def _refused(self, what: str, done: Outcome) -> MissingFault:
        where = f"{masked_url(self.gitops.repository)}, branch {self.gitops.branch}"
        details = [masked_url(line) for line in done.tail(4)]
        remedy = "see that git can push there from this machine, with its key or token and without a question"
        return MissingFault(what, where=where, details=details, remedy=remedy)


@dataclass(frozen=True)
class _Work:
    """A clone that commits are made in."""

    runner: Runner
    folder: Path
    path: str

    @property
    def kustomization(self) -> Path:
        return self.folder / self.path / "kustomization.yaml"

    @property
    def values(self) -> Path:
        return self.folder / self.path / "config.env"

    def read(self) -> str:
        return self.kustomization.read_text(encoding="utf-8")

    def write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")

    def call(self, *argv: str) -> Outcome:
        return self.runner.read(argv, clean_environment({"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}, FOR_GIT))

    def run(self, *words: str) -> Outcome:
        return self.call("git", "-C", str(self.folder), *words)

    def git(self, *words: str) -> str:
        done = self.run(*words)
        if not done.ok:
            raise MissingFault(f"git {words[0]} failed", where=self.path, details=done.tail(4))
        return done.stdout

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def tree(self) -> str:
        """What identifies the overlay's content."""
        return self.git("rev-parse", f"HEAD:{self.path}").strip()

    def changed(self) -> bool:
        return bool(self.git("status", "--porcelain", "--", self.path).strip())

    def deploys(self, service: str) -> list[str]:
        """The deploys of the overlay that were not reverted, the newest first."""
        log = self.git("log", "--format=%H%x00%B%x01", "--", self.path)
        commits = [entry.strip().partition("\0") for entry in log.split("\x01") if entry.strip()]
        reverted = {match for _, _, body in commits for match in re.findall(rf"{REVERTED}([0-9a-f]{{40}})", body)}
        named = f"{DEPLOYED} {service} "
        return [number for number, _, body in commits if body.startswith(named) and number not in reverted]


def with_image(text: str, service: str, image: str, where: str) -> str:
    """A kustomization whose image of the service is another one, by its digest: no other line differs.

    UsageFault where it has no such image, written as the template writes it.
    """
    name, _, digest = image.partition("@")
    lines = text.splitlines(keepends=True)
    begin, end = _entry(lines, service, where)
    for number in range(begin, end):
        lines[number] = re.sub(r"^(\s+)newName: .*", rf"\g<1>newName: {name}", lines[number])
        lines[number] = re.sub(r"^(\s+)(newTag|digest): .*", rf"\g<1>digest: {digest}", lines[number])
    if f"digest: {digest}\n" not in "".join(lines[begin:end]):
        raise UsageFault(f"the image of {service} has neither newTag nor digest", where=where, remedy=_FORM)
    return "".join(lines)


def image_in(text: str, service: str) -> str:
    """The image of the service in a kustomization, by its digest; empty where it has none."""
    lines = text.splitlines(keepends=True)
    begin, end = _entry(lines, service, "kustomization.yaml")
    entry = "".join(lines[begin:end])
    name, digest = (re.search(rf"^\s+{key}: (\S+)", entry, re.MULTILINE) for key in ("newName", "digest"))
    return f"{name[1]}@{digest[1]}" if name and digest else ""


def _entry(lines: list[str], service: str, where: str) -> tuple[int, int]:
    """Where the entry of the service's image begins and ends."""
    images = next((number for number, line in enumerate(lines) if re.match(r"images:\s*$", line)), len(lines))
    for begin in range(images + 1, len(lines)):
        match = re.match(rf"(\s*)- name: {re.escape(service)}\s*$", lines[begin])
        if match:
            deeper = re.compile(rf"{match[1]}\s+\S|\s*$")
            end = next((n for n in range(begin + 1, len(lines)) if not deeper.match(lines[n])), len(lines))
            return begin + 1, end
        if not re.match(r"[\s#-]", lines[begin]):
            break
    raise UsageFault(f"images has no entry of {service}", where=where, remedy=_FORM)


_FORM = "write it as three lines: - name, newName and digest, as the template does"
