"""One host's part of a deploy, a rollback and a start after a stop, as pages of short steps.

Any failure, Ctrl-C included, leaves the former release serving; what it leaves behind is found by the next deploy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from ..core.console import Console
from ..core.errors import DeployFault, EngineGoneFault, Fault, LockedFault
from ..core.interruption import undisturbed
from ..core.slots import SLOTS, other
from .attempt import Attempt, Timeouts
from .failures import UnfinishedFault, explained, gone, told, unfinished
from .lock import Lease
from .releases import BEGUN, DONE, FAILED, KEPT, Deployment, Release, good, new_deployment, now
from .rollback import kept_release_to_return_to
from .soak import soak
from .target import Target, verify_front_door, verify_slot

MIGRATED = "none since what serves"
KILLED = "its deployer ended before it was done"


@dataclass
class Switcher:
    """Switches one target between releases; `look` first, then it knows the records and the slot that serves."""

    target: Target
    timeouts: Timeouts
    console: Console
    lease: Lease
    dry: bool = False
    records: list[Deployment] = field(default_factory=list)
    former: str = ""

    def check(self) -> None:
        """Refuse what would fail later, and look at what there is."""
        with self.console.step("check") as step:
            step.detail = self.target.check()

    def look(self) -> None:
        """Read the records, and find the slot that serves."""
        self.records = self.target.releases.read()
        self.former = self.target.live_slot()

    def close_records(self) -> None:
        """Give records an outcome whose deployers were killed: what serves was done, and nothing else was."""
        begun = [record for record in self.records if record.outcome == BEGUN]
        live = next((state.release for state in self.target.slots() if state.slot == self.former), "") if begun else ""
        for record in begun:
            done = record.release.id == live
            self._record(replace(record, outcome=DONE if done else FAILED, reason="" if done else KILLED))
        if begun:
            self.records = self.target.releases.read()

    def tidy(self) -> None:
        """Give the slot that serves all of the traffic, and stop the other one, where a killed deployer did not."""
        states = {state.slot: state for state in self.target.slots()}
        idle = other(self.former)
        left = idle if states[idle].state == "running" else ""
        self._tidy_processes(states[self.former].release)
        if self.dry or (not left and states[self.former].traffic == "UP"):
            return
        with self.console.step("admit"):
            self.target.admit(self.former, left)
            self.target.settle(self.former, left)
        if left:
            self._drain(left)
            self._stop(left)

    def serving(self, artefact: str, fingerprint: str) -> Deployment | None:
        """The last deployment of the release that serves, if it is well and of this build and configuration."""
        state = next((state for state in self.target.slots() if state.slot == self.former), None)
        if state is None or state.health != "healthy":
            return None
        found = next((record for record in good(self.records) if record.release.id == state.release), None)
        same = found and (found.release.artefact, found.release.configuration) == (artefact, fingerprint)
        return found if same else None

    def deploy(self, release: Release) -> Deployment:
        """Start a release that was just built in the idle slot, switch when it is healthy, keep the former slot."""
        with self._undone_on_failure("deploy", release, other(self.former)) as attempt:
            with self.console.step("ship") as step:
                step.detail = self.target.ship(release, step.tell)
            with self.console.step("migrate") as step:
                self.target.keep(release)
                self.target.bring_up()
                migrated = self._migrated(release)
                step.detail = MIGRATED if migrated else self.target.migrate(release, attempt.slot)
            self._switch(attempt, release)
        return attempt.deployment

    def return_to(self, release: Release, reason: str = "") -> Deployment:
        """Start a kept release, with its own image and configuration, without a build, and switch to it."""
        with self._undone_on_failure("rollback", release, other(self.former)) as attempt:
            attempt.deployment = replace(attempt.deployment, reason=reason)
            self._switch(attempt, release)
        return attempt.deployment

    def resume(self) -> Deployment | None:
        """Start the release that was deployed last, as after `down`; None where there is none that is kept."""
        self.target.bring_up()
        self.look()
        self.close_records()
        last = next((found for found in good(self.records) if not self.target.missing(found.release)), None)
        if last is None or self.dry:
            return None
        with self._undone_on_failure("up", last.release, self._slot_of(last.release)) as attempt:
            self._switch(attempt, last.release)
        return attempt.deployment

    def revert(self, deployment: Deployment, reason: str) -> str:
        """Undo a deployment that was done here, because it failed elsewhere; gives what serves now, in words."""
        before = self._served_before()
        if before is None:
            with undisturbed():
                self.target.withdraw(self._slot_of(deployment.release), "")
                self._record(replace(deployment, outcome=FAILED, reason=reason))
            return "no release served before, and none does now"
        self.look()
        with undisturbed(), suppress(UnfinishedFault):  # The next deploy finishes it.
            self.return_to(before, reason)
        return f"returned to {before.version}, release {before.id}"

    def soak(self, release: Release, seconds: float) -> None:
        """Watch the release for `seconds`; DeployFault as soon as its slot does not serve, or another build answers."""
        if self.dry:
            return
        with self.console.step("soak"):
            soak(self.target, self._slot_of(release), release, seconds)

    def choose(self, wanted: str) -> Release:
        """The kept release to return to: `wanted`, or the one before that which serves in the line of good ones."""
        live = next((state.release for state in self.target.slots() if state.slot == self.former), "")
        return kept_release_to_return_to(self.target, self.records, live, wanted)

    # --- Steps ---------------------------------------------------------------------------------

    def _migrated(self, release: Release) -> bool:
        """Whether the database has had all migrations of a release.

        So it is where the release that serves has the same ones and the same configuration, which names the database,
        and is ready: readiness holds the schema.
        """
        live = next((state for state in self.target.slots() if state.slot == self.former), None)
        if live is None or live.health != "healthy" or not release.migrations:
            return False
        served = next((record.release for record in good(self.records) if record.release.id == live.release), None)
        same = (release.migrations, release.configuration)
        return served is not None and (served.migrations, served.configuration) == same

    def _switch(self, attempt: Attempt, release: Release) -> None:
        self.lease.require()
        with self.console.step("start"):
            self.target.start(release, attempt.slot)
        with self.console.step("healthy") as step:
            step.detail = self.target.wait_healthy(attempt.slot, self.timeouts.healthy)
        self.lease.require()
        if self._any_processes(release):
            self._take_over(release, attempt.slot)
        with self.console.step("admit"):
            if not self.dry:
                verify_slot(self.target, attempt.slot, release.build)
            attempt.deployment = replace(attempt.deployment, at=now())
            self._record(replace(attempt.deployment, outcome=BEGUN))
            self.target.admit(attempt.slot, self.former)
        with self.console.step("verify") as step:
            step.detail = "" if self.dry else verify_front_door(self.target, release.build)
            self.target.settle(attempt.slot, self.former)
        attempt.switched = True
        self._record(attempt.deployment)
        if self.former and self.former != attempt.slot:
            self._retire(attempt)
        self._finish(attempt, release)

    def _take_over(self, release: Release, slot: str) -> None:
        with self.console.step("processes") as step:
            step.detail = self.target.take_over(release, slot, self.timeouts.healthy)
        self.lease.require()

    def _any_processes(self, release: Release) -> bool:
        """Whether a release has processes beside the service, or one that may have left some behind."""
        return any(each.processes for each in (release, *(record.release for record in self.records)))

    def _tidy_processes(self, live: str) -> None:
        """Have the processes of the release that serves work, and no others."""
        release = next((record.release for record in good(self.records) if record.release.id == live), None)
        if self.dry or release is None or not self._any_processes(release):
            return
        states = self.target.processes()
        if any(state.running if state.slot != self.former else not state.well for state in states):
            self._take_over(release, self.former)

    def _retire(self, attempt: Attempt) -> None:
        """Stop the former slot once nothing is under way on it, unless the new one has died in the meantime."""
        self._drain(self.former)
        self._require_alive(attempt)
        self._stop(self.former)
        self._require_alive(attempt)

    def _require_alive(self, attempt: Attempt) -> None:
        ailment = [] if self.dry else self.target.ailment(attempt.slot)
        if ailment:
            attempt.switched = False
            what = "the new release died after it had been given the traffic"
            raise DeployFault(what, where=attempt.slot, details=ailment)

    def _drain(self, slot: str) -> None:
        with self.console.step("drain") as step:
            step.detail = self.target.drain(slot, self.timeouts.drain)

    def _stop(self, slot: str) -> None:
        self.lease.require()
        with self.console.step("retire") as step:
            self.target.retire(slot)
            step.detail = f"{slot} is kept for a rollback"

    def _finish(self, attempt: Attempt, release: Release) -> None:
        with self.console.step("record") as step:
            attempt.deployment = replace(attempt.deployment, seconds=dict(self.console.seconds))
            self._record(attempt.deployment)
            self._prune(release)
            step.detail = "" if self.dry else release.id

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

    def _served_before(self) -> Release | None:
        """What served when this host was looked at: the former slot's release, or the last one where that is empty."""
        in_slot = next((state.release for state in self.target.slots() if state.slot == self.former), "")
        recorded = [record.release for record in good(self.records) if self.former]
        return next((release for release in recorded if release.id == in_slot or not in_slot), None)

    def _slot_of(self, release: Release) -> str:
        return next((state.slot for state in self.target.slots() if state.release == release.id), SLOTS[0])

    # --- Failures ------------------------------------------------------------------------------

    @contextmanager
    def _undone_on_failure(self, action: str, release: Release, slot: str) -> Iterator[Attempt]:
        """Withdraw the new slot when a step fails or is interrupted, and say what serves now.

        Once the new release serves, a failure is no reason to go back, unless it is the release that failed.
        """
        attempt = Attempt(new_deployment(release, action, self.console.seconds), slot)
        try:
            yield attempt
        except LockedFault as lost:
            lost.settled = True  # Somebody else deploys by now: what was put back here would be changed under them.
            raise
        except (Exception, KeyboardInterrupt) as error:
            with undisturbed():
                fault = self._undone(attempt, error)
            raise fault from error

    def _undone(self, attempt: Attempt, error: BaseException) -> Fault:
        """Put things back where the new release does not serve yet; gives the fault that says what serves now."""
        if attempt.switched:
            return unfinished(error, self.target.host, attempt.deployment, self.former or attempt.slot)
        try:
            self.lease.require()
            undone = "nothing was changed" if self.dry else self._withdraw(attempt.slot)
        except LockedFault as lost:
            lost.settled = True
            return lost
        except Exception as failure:
            if isinstance(failure, EngineGoneFault):
                return gone(self.target.host, error)
            undone = f"the {attempt.slot} slot could not be withdrawn ({told(failure)}); the next deploy starts it anew"
        fault = explained(error, undone, self.target.environment_name)
        with suppress(Exception):
            seconds = dict(self.console.seconds)
            self._record(replace(attempt.deployment, outcome=FAILED, reason=fault.what, seconds=seconds))
        return fault

    def _withdraw(self, slot: str) -> str:
        former = self.former if self.former != slot else ""
        self._revive(former)
        self.target.withdraw(slot, former)
        if former:
            return f"the former release still serves from {former}"
        return "no release served before, and none does now"

    def _revive(self, former: str) -> None:
        """Start the former release again where it was stopped already."""
        stopped = [state.release for state in self.target.slots() if state.slot == former and state.state == "stopped"]
        for release in [record.release for record in good(self.records) if record.release.id in stopped]:
            self.target.start(release, former)
            self.target.wait_healthy(former, self.timeouts.healthy)
