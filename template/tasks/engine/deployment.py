"""A deploy, a rollback and a start after a stop as pages of short steps, the same for every target.

Any failure, Ctrl-C included, leaves the former release serving; what it leaves behind is found by the next deploy.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import FrameType
from typing import Any

from .configuration import Configuration
from .console import Console
from .edge import SLOTS, other
from .errors import BuildFault, DeployFault, Fault, MissingFault, UsageFault
from .hooks import Hooks
from .releases import FAILED, KEPT, Deployment, Release, good, line_of, new_deployment, new_release
from .source import BuildInfo
from .target import Target, verify_front_door

BEFORE_SWITCH = (UsageFault, MissingFault, BuildFault)


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a slot has to become healthy, and requests under way to finish."""

    healthy: float
    drain: float


@dataclass(frozen=True)
class Result:
    """What a deploy came to: `deployed`, `unchanged`, `rolled back` or `started`, and what serves now."""

    outcome: str
    deployment: Deployment
    url: str
    seconds: dict[str, float]

    @property
    def version(self) -> str:
        """The version that serves."""
        return self.deployment.release.version

    def document(self, target: str) -> dict[str, Any]:
        """The JSON document of a deploy."""
        release = self.deployment.release
        names = {"service": release.service, "env": release.env, "target": target}
        rest = {"release": self.deployment.summary(), "seconds": self.seconds}
        return {**names, "outcome": self.outcome, "url": self.url, **rest}


@dataclass
class _Attempt:
    """How far a deploy has come: what has to be undone where it fails."""

    action: str
    former: str = ""
    slot: str = ""
    release: Release | None = None


@dataclass
class Deployer:
    """Deploys to one target."""

    target: Target
    timeouts: Timeouts
    console: Console
    hooks: Hooks
    dry: bool = False
    records: list[Deployment] = field(default_factory=list)

    def deploy(self, info: BuildInfo, configuration: Configuration) -> Result:
        """Build `info`, start it in the idle slot, switch when it is healthy, and keep the former slot stopped."""
        with self._undone_on_failure("deploy") as attempt:
            artefact = self._build(info)
            self._look(attempt)
            serving = self._serving(attempt.former)
            fingerprint = self.target.fingerprint()
            if serving and (serving.release.artefact, serving.release.configuration) == (artefact, fingerprint):
                return Result("unchanged", serving, self.target.url, dict(self.console.seconds))
            release = new_release(info, artefact, configuration, fingerprint)
            self.hooks.before("pre-deploy", **_facts(attempt.action, release))
            self._aim(attempt, release, other(attempt.former))
            with self.console.step("migrate") as step:
                self.target.keep(release)
                self.target.bring_up()
                step.detail = self.target.migrate(release, attempt.slot)
            self._start_and_switch(attempt, release)
        return self._finish(attempt, release, "deployed")

    def rollback(self, wanted: str = "") -> Result:
        """Return to an earlier release with its own image and configuration, without a build."""
        with self._undone_on_failure("rollback") as attempt:
            with self.console.step("check") as step:
                step.detail = self.target.check()
                self._look(attempt)
                release = self.choose(attempt.former, wanted)
            self.hooks.before("pre-deploy", **_facts(attempt.action, release))
            self._aim(attempt, release, other(attempt.former))
            self._start_and_switch(attempt, release)
        return self._finish(attempt, release, "rolled back")

    def resume(self) -> Result | None:
        """Start the release that was deployed last, as after `down`; None where there is none that is kept."""
        with self._undone_on_failure("up") as attempt:
            with self.console.step("check") as step:
                step.detail = self.target.check()
                self.target.bring_up()
                self._look(attempt)
            last = next((found for found in good(self.records) if not self.target.missing(found.release)), None)
            if last is None or self.dry:
                return None
            self._aim(attempt, last.release, self._slot_of(last.release))
            self._start_and_switch(attempt, last.release)
        return self._finish(attempt, last.release, "started")

    def choose(self, live_slot: str, wanted: str) -> Release:
        """The release to return to: `wanted`, or the one before that which serves in the line of good ones."""
        live = self._release_in(live_slot)
        if wanted and wanted == live:
            raise UsageFault(f"release {wanted} serves already", remedy="nothing needs to be done")
        found = [
            record.release for record in good(self.records) if wanted in (record.release.id, record.release.version)
        ]
        if not wanted:
            line = line_of(self.records)
            found = [before for before, after in pairwise(line) if after.id == live]
        if not live_slot or not found:
            what = f"there is no release {wanted} to return to" if wanted else "there is no former release to return to"
            raise DeployFault(what, remedy="history lists the releases; a commit can be checked out and deployed")
        if missing := self.target.missing(found[0]):
            commit = found[0].commit[:12]
            raise DeployFault(
                f"release {found[0].id} cannot be started again: {missing}",
                remedy=f"git checkout {commit} and deploy it; the last {KEPT} good releases are kept",
            )
        return found[0]

    # --- Steps ---------------------------------------------------------------------------------

    def _build(self, info: BuildInfo) -> str:
        with self.console.step("check") as step:
            step.detail = self.target.check()
        self.hooks.before("pre-build", action="deploy", version=info.version, commit=info.commit)
        with self.console.step("build") as step:
            step.detail = self.target.build(info)
        with self.console.step("image") as step:
            artefact = self.target.package(info)
            step.detail = artefact[:19]
        return artefact

    def _start_and_switch(self, attempt: _Attempt, release: Release) -> None:
        with self.console.step("start"):
            self.target.start(release, attempt.slot)
        with self.console.step("healthy") as step:
            step.detail = self.target.wait_healthy(attempt.slot, self.timeouts.healthy)
        with self.console.step("admit"):
            self.target.admit(attempt.slot, attempt.former)
        with self.console.step("verify") as step:
            step.detail = "" if self.dry else verify_front_door(self.target.url, release.build)

    def _finish(self, attempt: _Attempt, release: Release, outcome: str) -> Result:
        """What follows once the new release serves: a failure here is not a reason to go back."""
        deployment = new_deployment(release, attempt.action, self.console.seconds)
        try:
            self._record(deployment)
            if attempt.former:
                self._retire(attempt.former)
            with self.console.step("record") as step:
                deployment = replace(deployment, seconds=dict(self.console.seconds))
                self._record(deployment)
                self._prune(release)
                step.detail = "" if self.dry else release.id
        except (Exception, KeyboardInterrupt) as error:
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(getattr(error, "what", error))
            raise Fault(
                f"the new release serves, but what follows was not finished: {reason}",
                where=f"slot {attempt.former or attempt.slot}",
                remedy="nothing needs to be done at once: the next deploy takes over from here",
            ) from error
        self.hooks.after("post-deploy", **_facts(attempt.action, release))
        return Result(outcome, deployment, self.target.url, dict(self.console.seconds))

    def _retire(self, slot: str) -> None:
        with self.console.step("drain") as step:
            step.detail = self.target.drain(slot, self.timeouts.drain)
        with self.console.step("retire") as step:
            self.target.retire(slot)
            step.detail = f"{slot} is kept for a rollback"

    def _record(self, deployment: Deployment) -> None:
        if not self.dry:
            self.target.releases.write(deployment)

    def _prune(self, release: Release) -> None:
        """Keep what can be returned to: the last good releases and whatever is in a slot."""
        recent = [record.release for record in good(self.records) if record.release.id != release.id]
        in_slots = {state.release for state in self.target.slots()}
        older = [found for found in recent[KEPT - 1 :] if found.id in in_slots]
        if not self.dry:
            self.target.forget_all_but([release, *recent[: KEPT - 1], *older])

    # --- State ---------------------------------------------------------------------------------

    def _look(self, attempt: _Attempt) -> None:
        self.records = self.target.releases.read()
        attempt.former = self.target.live_slot()

    def _aim(self, attempt: _Attempt, release: Release, slot: str) -> None:
        attempt.release, attempt.slot = release, slot

    def _serving(self, slot: str) -> Deployment | None:
        """The last deployment of the release that serves from `slot`, if it is well."""
        state = next((state for state in self.target.slots() if state.slot == slot), None)
        if state is None or state.health != "healthy":
            return None
        return next((found for found in good(self.records) if found.release.id == state.release), None)

    def _release_in(self, slot: str) -> str:
        return next((state.release for state in self.target.slots() if state.slot == slot), "")

    def _slot_of(self, release: Release) -> str:
        return next((state.slot for state in self.target.slots() if state.release == release.id), SLOTS[0])

    # --- Failures ------------------------------------------------------------------------------

    @contextmanager
    def _undone_on_failure(self, action: str) -> Iterator[_Attempt]:
        """Withdraw the new slot when a step fails or is interrupted, and say what serves now."""
        attempt = _Attempt(action)
        previous = signal.signal(signal.SIGTERM, _interrupt)
        try:
            yield attempt
        except (Exception, KeyboardInterrupt) as error:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                undone = "nothing was changed" if self.dry or not attempt.slot else self._withdraw(attempt)
                fault = _explained(error, undone, self.target.environment_name)
                self._record_failure(attempt, fault)
                known = _facts(attempt.action, attempt.release) if attempt.release else {"action": attempt.action}
                self.hooks.after("deploy-failed", **known, reason=fault.what)
            finally:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            raise fault from error
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _withdraw(self, attempt: _Attempt) -> str:
        try:
            self.target.withdraw(attempt.slot, attempt.former)
        except Exception as error:
            return f"the {attempt.slot} slot could not be withdrawn ({error}); the next deploy starts it anew"
        if attempt.former:
            return f"the former release still serves from {attempt.former}"
        return "no release served before, and none does now"

    def _record_failure(self, attempt: _Attempt, fault: Fault) -> None:
        if attempt.release is None or self.dry:
            return
        with suppress(Exception):
            failed = new_deployment(attempt.release, attempt.action, self.console.seconds, FAILED, fault.what)
            self.target.releases.write(failed)


def _facts(action: str, release: Release) -> dict[str, str]:
    """What hooks hear of a release."""
    return {"action": action, "version": release.version, "commit": release.commit, "release": release.id}


def _explained(error: BaseException, undone: str, environment: str) -> Fault:
    remedy = f"mend the cause and deploy again; logs --env={environment} shows more"
    if isinstance(error, KeyboardInterrupt):
        return DeployFault("the deploy was interrupted", where=undone, remedy="deploy again when you are ready")
    if isinstance(error, Fault):
        kind = type(error) if isinstance(error, BEFORE_SWITCH) else DeployFault
        where = f"{error.where}; {undone}" if error.where else undone
        return kind(error.what, where=where, remedy=error.remedy or remedy, details=error.details)
    return DeployFault(f"{type(error).__name__}: {error}", where=undone, remedy=remedy)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
