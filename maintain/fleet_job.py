"""Bringing one service to the newest version of its template, on a branch of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from service_tasks.engine.build.gobuild import TAGS
from service_tasks.engine.build.toolchain import find_go
from service_tasks.engine.core.errors import BuildFault, Fault, MissingFault, UsageFault
from service_tasks.engine.core.runner import Outcome
from service_tasks.engine.template import update_text
from service_tasks.engine.template.addresses import masked

from .fleet_clone import Clone, checked_out, open_clone, uncommitted
from .fleet_commands import Commands
from .fleet_result import Result, failed, judged, recall, remember
from .fleet_sources import Source

BRANCH = "template-update/{version}"
KINDS = {MissingFault.code: MissingFault, UsageFault.code: UsageFault}


@dataclass(frozen=True)
class Order:
    """What is wanted for every service: the branch's name, or none for the usual one; `dry` only says what would be."""

    branch: str = ""
    dry: bool = False


@dataclass(frozen=True)
class Job:
    """One service's update; `tell` is called with the name of each step as it begins."""

    source: Source
    order: Order
    commands: Commands
    tell: Callable[[str], None]

    def update(self) -> Result:
        """Bring the service to the newest version and say what became of it; Stopped alone is raised."""
        return self._timed(self._update)

    def look(self) -> Result:
        """Say which version the service is on and which one there is, changing nothing; Stopped alone is raised."""
        return self._timed(self._look)

    def _timed(self, do: Callable[[Clone], Result]) -> Result:
        start = time.monotonic()
        try:
            self.tell("clone")
            with open_clone(self.source, self.commands) as clone:
                result = do(clone)
        except Fault as fault:
            result = failed(self._blank(), fault)
        except OSError as error:
            result = failed(self._blank(), Fault(f"{error.strerror}: {error.filename}"))
        return replace(result, seconds=round(time.monotonic() - start, 1))

    def _look(self, clone: Clone) -> Result:
        blank, status, code = self._status(clone)
        outcome = "behind" if status.get("behind") else "newest"
        return judged(blank, {**_versions(status), "outcome": outcome}, code)

    def _update(self, clone: Clone) -> Result:
        blank, status, code = self._status(clone)
        if code or not status.get("behind"):
            return judged(blank, {**_versions(status), "outcome": "unchanged"}, code)
        versions = _versions(status)
        blank = replace(blank, branch=self.order.branch or BRANCH.format(version=versions["to"]))
        head = clone.head(f"refs/remotes/origin/{blank.branch}")
        there = bool(head) and clone.version(head) == versions["to"]
        if there and (known := recall(self.source, blank.branch, head)):
            return known
        if self.order.dry:
            return replace(blank, outcome="would check" if there else "would update", update=versions)
        if there:
            return self._judge(clone, replace(blank, commit=head, continued=True), versions)
        return self._bring(clone, blank, new=not head)

    def _status(self, clone: Clone) -> tuple[Result, dict[str, Any], int]:
        self.tell("status")
        status, code = self._document(clone, "template.status", "--json")
        if not status.get("reachable"):
            raise MissingFault(
                "the template cannot be reached",
                where=str(status.get("source")),
                remedy="see that its address is right, and that you may read it",
            )
        return replace(self._blank(), base=clone.base(), note=self._note(clone)), status, code

    def _note(self, clone: Clone) -> str:
        """What is there and no part of this."""
        changes = "uncommitted changes there are left alone, and are no part of this"
        inside = ", ".join(clone.services_inside())
        notes = [changes] if uncommitted(self.source, self.commands) else []
        return "\n".join([*notes, *([f"services in its folders are left alone: {inside}"] if inside else [])])

    def _bring(self, clone: Clone, blank: Result, new: bool) -> Result:
        """Update on the branch and push it."""
        self._require_branch(clone, blank.branch, new)
        before = clone.head("HEAD")
        self.tell("update")
        update, code = self._document(clone, "template.update", "--json")
        clone.commit(_message(update))
        commit = clone.head("HEAD")
        if commit == before:
            return judged(replace(blank, branch=""), update, code)
        self.tell("push")
        clone.push(blank.branch)
        return self._kept(judged(replace(blank, commit=commit), {**update, "branch": blank.branch}, code))

    def _require_branch(self, clone: Clone, branch: str, new: bool) -> None:
        """Check the branch out; UsageFault where it cannot be worked on."""
        if checked_out(self.source, self.commands) == branch:
            what, remedy = f"{branch} is checked out there", "switch to another branch, or choose one with --branch"
            raise UsageFault(what, where=masked(self.source.address), remedy=remedy)
        clone.switch(branch, new)
        if left := clone.marked():
            what, remedy = f"{branch} has conflicts of an earlier update", "resolve them there, or delete the branch"
            raise UsageFault(what, where=masked(self.source.address), details=left, remedy=remedy)

    def _judge(self, clone: Clone, blank: Result, versions: Mapping[str, Any]) -> Result:
        """Judge a branch that is on the new version already, by what is in it."""
        clone.switch(blank.branch, new=False)
        update = {**versions, "outcome": "updated", "branch": blank.branch, **clone.changes()}
        update["conflicts"] = [{"path": path, "why": "its conflict is not resolved"} for path in clone.marked()]
        if not update["conflicts"]:
            update |= self._checks(clone)
        return self._kept(judged(blank, update))

    def _checks(self, clone: Clone) -> dict[str, Any]:
        """Build and test as an update does."""
        built = self._go(clone, "build")
        tested = self._go(clone, "test") if built.ok else None
        words = next((_told(done) for done in (built, tested) if done and not done.ok), "")
        return {"checks": {"build": _state(built), "test": _state(tested)}, "error": words}

    def _go(self, clone: Clone, word: str) -> Outcome:
        self.tell(word)
        go = find_go()
        if not go:
            raise MissingFault("there is no Go here to build and test with", remedy="install Go, and run it again")
        return self.commands.run([go, word, "-tags", TAGS, "./..."], clone.folder, CGO_ENABLED="0")

    def _document(self, clone: Clone, *words: str) -> tuple[dict[str, Any], int]:
        """The JSON that a task of the service prints, and its exit code; Fault where the task could do nothing."""
        done = self.commands.task(clone.folder, *words)
        try:
            document = dict(json.loads(done.stdout))
        except (ValueError, TypeError):
            document = {}
        refused = document.get("outcome") == "failed" and done.status != BuildFault.code
        if document and not refused:
            return document, done.status
        if "there is no task" in done.stderr:
            raise UsageFault(f"its tasks do not know {words[0]}", remedy="update it once by hand: copier update")
        told = str(document.get("error") or "").splitlines() or done.tail(10)
        raise KINDS.get(done.status, Fault)(f"{words[0]} ended with exit code {done.status}", details=told)

    def _kept(self, result: Result) -> Result:
        remember(self.source, result)
        return result

    def _blank(self) -> Result:
        return Result(self.source.name, masked(self.source.address))


def _versions(status: Mapping[str, Any]) -> dict[str, Any]:
    former = status.get("version")
    newer = status.get("newest") if status.get("behind") else former
    return {"service": status.get("service"), "from": former, "to": newer}


def _message(update: Mapping[str, Any]) -> str:
    """The commit's message: it names the conflicts, as those without marks show nowhere else on the branch."""
    conflicts = [f"  {item['path']}: {item['why']}" for item in update.get("conflicts") or []]
    return "\n".join([update_text.title(update), *(["", "Conflicts:", *conflicts] if conflicts else [])])


def _told(done: Outcome) -> str:
    """The last lines of both outputs: `go test` tells failures on standard output."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not line.startswith("ok ")]
    return "\n".join(lines[-20:])


def _state(done: Outcome | None) -> str:
    if done is None:
        return "skipped"
    return "passed" if done.ok else "failed"
