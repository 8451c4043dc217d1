"""A deploy and a rollback as pages of short steps, the same for every target.

Any failure, Ctrl-C included, leaves the former release serving; what it leaves behind is found by the next deploy.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from .console import Console
from .edge import other
from .errors import BuildFault, DeployFault, Fault, MissingFault, UsageFault
from .releases import Release, new_release
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
    """What a deploy came to: `deployed`, `unchanged` or `rolled back`, and the release that serves."""

    outcome: str
    release: Release
    url: str
    seconds: dict[str, float]

    def document(self, target: str) -> dict[str, Any]:
        """The JSON document of a deploy."""
        names = {"service": self.release.service, "env": self.release.env, "target": target}
        return {
            **names,
            "outcome": self.outcome,
            "url": self.url,
            "release": self.release.summary(),
            "seconds": self.seconds,
        }


@dataclass
class _Attempt:
    """How far a deploy has come: what has to be undone where it fails."""

    former: str = ""
    slot: str = ""


def deploy(target: Target, info: BuildInfo, timeouts: Timeouts, console: Console, dry: bool) -> Result:
    """Build `info`, start it in the idle slot, switch when it is healthy, and keep the former slot stopped."""
    with _undone_on_failure(target, dry) as attempt:
        artefact = _build(target, info, console)
        attempt.former = target.live_slot()
        serving = _serving(target, attempt.former)
        if serving and (serving.artefact, serving.configuration) == (artefact, target.fingerprint()):
            return Result("unchanged", serving, target.url, dict(console.seconds))
        slot = other(attempt.former) if attempt.former else "blue"
        release = new_release(info, slot, artefact, target.fingerprint())
        attempt.slot = slot
        with console.step("migrate") as step:
            target.prepare(release)
            step.detail = target.migrate(release)
        with console.step("start"):
            target.start(release)
        _switch(target, release, attempt.former, timeouts, console, dry)
    return _finish(target, release, attempt.former, timeouts, console, dry, "deployed")


def rollback(target: Target, timeouts: Timeouts, console: Console, dry: bool) -> Result:
    """Return to the release that the idle slot keeps, with its own image and configuration, without a build."""
    with _undone_on_failure(target, dry) as attempt:
        with console.step("check") as step:
            step.detail = target.check()
            attempt.former = target.live_slot()
            release = _kept(target, attempt.former)
        attempt.slot = release.slot
        with console.step("start"):
            target.restart(release)
        _switch(target, release, attempt.former, timeouts, console, dry)
    return _finish(target, release, attempt.former, timeouts, console, dry, "rolled back")


def _build(target: Target, info: BuildInfo, console: Console) -> str:
    with console.step("check") as step:
        step.detail = target.check()
    with console.step("build") as step:
        step.detail = target.build(info)
    with console.step("image") as step:
        artefact = target.package(info)
        step.detail = artefact[:19]
    return artefact


def _switch(target: Target, release: Release, former: str, timeouts: Timeouts, console: Console, dry: bool) -> None:
    with console.step("healthy") as step:
        step.detail = target.wait_healthy(release, timeouts.healthy)
    with console.step("admit"):
        target.admit(release, former)
    with console.step("verify") as step:
        step.detail = "" if dry else verify_front_door(target.url, release.build)


def _finish(
    target: Target, release: Release, former: str, timeouts: Timeouts, console: Console, dry: bool, outcome: str
) -> Result:
    """What follows once the new release serves: a failure here is not a reason to go back."""
    if not dry:
        target.releases.write(release.finished(console.seconds))
    if former:
        with console.step("drain") as step:
            step.detail = target.drain(former, timeouts.drain)
        with console.step("retire") as step:
            target.retire(former)
            step.detail = f"{former} is kept for a rollback"
    with console.step("record") as step:
        finished = release.finished(console.seconds)
        if not dry:
            target.releases.write(finished)
        step.detail = "" if dry else finished.id
    return Result(outcome, finished, target.url, dict(console.seconds))


def _serving(target: Target, slot: str) -> Release | None:
    """The record of the release that serves from `slot` and is well."""
    state = next((state for state in target.slots() if state.slot == slot), None)
    if state is None or state.health != "healthy":
        return None
    return next((release for release in reversed(target.releases.read()) if release.id == state.release), None)


def _kept(target: Target, former: str) -> Release:
    idle = next((state for state in target.slots() if state.slot != former and state.state == "stopped"), None)
    if not former or idle is None:
        raise DeployFault(
            "there is no former release to return to", remedy="deploy the commit that you want: git checkout, deploy"
        )
    for release in reversed(target.releases.read()):
        if release.id == idle.release:
            return release
    raise DeployFault(f"release {idle.release} in the idle slot never served", remedy="deploy the commit that you want")


@contextmanager
def _undone_on_failure(target: Target, dry: bool) -> Iterator[_Attempt]:
    """Withdraw the new slot when a step fails or is interrupted, and say what serves now."""
    attempt = _Attempt()
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield attempt
    except (Exception, KeyboardInterrupt) as error:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            undone = "nothing was changed" if dry or not attempt.slot else _withdraw(target, attempt)
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        raise _explained(error, undone) from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def _withdraw(target: Target, attempt: _Attempt) -> str:
    try:
        target.withdraw(attempt.slot, attempt.former)
    except Exception as error:
        return f"the {attempt.slot} slot could not be withdrawn ({error}); the next deploy starts it anew"
    if attempt.former:
        return f"the former release still serves from {attempt.former}"
    return "no release served before, and none does now"


def _explained(error: BaseException, undone: str) -> Fault:
    if isinstance(error, KeyboardInterrupt):
        return DeployFault("the deploy was interrupted", where=undone, remedy="deploy again when you are ready")
    if isinstance(error, Fault):
        kind = type(error) if isinstance(error, BEFORE_SWITCH) else DeployFault
        where = f"{error.where}; {undone}" if error.where else undone
        return kind(error.what, where=where, remedy=error.remedy or _NEXT, details=error.details)
    return DeployFault(f"{type(error).__name__}: {error}", where=undone, remedy=_NEXT)


_NEXT = "mend the cause and deploy again; logs --env=… shows more"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
