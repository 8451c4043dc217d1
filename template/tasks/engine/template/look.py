"""What must hold before an update: all is committed, and what is to be written is what the merge has seen."""

from __future__ import annotations

from ..core.console import Console
from ..core.errors import UsageFault
from .merge import Merged
from .origin import ANSWERS
from .record import Checkout
from .repository import shown
from .sides import MODULES


def require_commit(checkout: Checkout) -> None:
    """UsageFault where there is no commit to tell an update from."""
    if not checkout.head():
        raise UsageFault(
            "this folder is not in git, or has no commit yet",
            where=str(checkout.root),
            remedy='git init && git add --all && git commit --message "Start": an update is a change to review',
        )


def look(checkout: Checkout, console: Console, branch: str, dry: bool) -> None:
    """Put back what was interrupted, and forget what was committed; UsageFault where anything else is in the way."""
    if not dry and checkout.only_interrupted():
        checkout.put_back()
        console.note("an update that was interrupted was put back first")
    if dirty := checkout.dirty():
        pending = bool(checkout.read())
        half = " and was left half done" if checkout.half_done() else ""
        raise UsageFault(
            f"an update is not committed yet{half}" if pending else "there are changes that are not committed",
            details=_some(dirty),
            remedy="commit it, or put it back with ./inv template.update --abort"
            if pending
            else "commit or stash them, so that the update can be told apart from them",
        )
    _look_at_rest(checkout, console)
    checkout.forget()
    if branch:
        _look_at_branch(checkout, branch)


def _look_at_rest(checkout: Checkout, console: Console) -> None:
    """Go on with an update that was left half done and committed so, where the answers tell the former version."""
    record, rest = checkout.read(), checkout.half_done()
    if rest and ANSWERS not in rest:
        raise UsageFault(
            f"an update to {record['to']} was left half done: {len(rest)} files are still the former ones",
            details=_some(rest),
            remedy=f"git checkout {record['head'][:12]} -- {ANSWERS}, commit that, and update again",
        )
    if rest:
        console.note(f"an update to {record['to']} was left half done and committed so: this one completes it")


def _look_at_branch(checkout: Checkout, branch: str) -> None:
    if not checkout.repository.text("check-ref-format", "--branch", branch):
        raise UsageFault(f'"{branch}" is not a name for a branch', remedy="give one as in --branch=template-v1.2.0")
    if checkout.repository.text("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
        raise UsageFault(f"the branch {branch} is there already", remedy="give another name, or delete it")


def require_unchanged(checkout: Checkout, head: str, merged: Merged) -> None:
    """Refuse to write over what the merge has not seen: git may have been told to look away, or time has passed."""
    if checkout.head() != head:
        raise UsageFault("somebody committed during the update, nothing was changed", remedy="update again")
    tree = checkout.tree()
    seen = [path for path in sorted(merged.files) if path in tree or path not in MODULES]
    if changed := checkout.differing(seen, tree):
        flagged = {path for paths in checkout.index.flags().values() for path in paths}
        raise UsageFault(
            "files that the update writes are not as they were committed, nothing was changed",
            details=_some(changed),
            remedy="git update-index --no-skip-worktree --no-assume-unchanged FILE shows what differs; commit that"
            if flagged.intersection(changed)
            else "commit or stash that, and update again",
        )


def _some(paths: list[str]) -> list[str]:
    return [*map(shown, paths[:8]), *(["…"] if len(paths) > 8 else [])]
