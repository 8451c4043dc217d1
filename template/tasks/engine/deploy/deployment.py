"""Deploys and rollbacks of an environment as pages of short steps, the same for every target and any number of hosts.

One host is the usual case. With several, the first one goes ahead and is watched, the others follow in groups, and a
failure on any of them takes all that were switched back to the release they had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..build.source import BuildInfo, migrations_fingerprint
from ..config.configuration import Configuration
from ..config.process_types import ProcessType
from ..core.console import Console
from ..core.errors import DeployFault, Fault
from ..core.interruption import undisturbed
from ..core.paths import ROOT
from .failures import UnfinishedFault, explained
from .hooks import Hooks
from .releases import Deployment, Release, new_release
from .secret_ages import secret_days
from .switching import Switcher
from .target import deployment_in

UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Result:
    """What a deploy came to: `deployed`, `unchanged`, `rolled back` or `started`, and what serves now, by host."""

    outcome: str
    deployment: Deployment
    url: str
    seconds: dict[str, float]
    hosts: dict[str, Deployment] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version that serves."""
        return self.deployment.release.version

    def document(self, target: str) -> dict[str, Any]:
        """The JSON document of a deploy."""
        release = self.deployment.release
        names = {"service": release.service, "env": release.env, "target": target}
        rest = {"release": self.deployment.summary(), "seconds": self.seconds}
        hosts = [
            {"host": host, "release": done.summary(), "seconds": done.seconds} for host, done in self.hosts.items()
        ]
        return {**names, "outcome": self.outcome, "url": self.url, **rest, **({"hosts": hosts} if hosts else {})}


@dataclass
class _Progress:
    """What a roll-out has done so far, for the report and for going back."""

    done: list[tuple[Switcher, Deployment]] = field(default_factory=list)
    report: list[str] = field(default_factory=list)


@dataclass
class Deployer:
    """Deploys to all hosts of an environment; `parallel` at a time once the first was well for `soak` seconds."""

    switchers: Sequence[Switcher]
    console: Console
    hooks: Hooks
    parallel: int = 1
    soak: float = 0
    dry: bool = False

    def deploy(self, info: BuildInfo, configuration: Configuration, processes: Sequence[ProcessType] = ()) -> Result:
        """Build `info` once, and put it on every host that does not serve just that already.

        `processes` are what it has beside the service.
        """
        first = self.switchers[0].target
        with self._told("deploy", info) as facts:
            self._check()
            self.hooks.before("pre-build", **facts)
            artefact = self._build(info)
            fingerprint = first.fingerprint()
            self._look()
            serving = [switcher.serving(artefact, fingerprint) for switcher in self.switchers]
            wanted = [switcher for switcher, found in zip(self.switchers, serving, strict=True) if found is None]
            for switcher, found in zip(self.switchers, serving, strict=True):
                if found:
                    switcher.tidy()
            if not wanted and serving[0]:
                self.console.report("outcome", outcome=UNCHANGED, **facts)
                return Result(UNCHANGED, serving[0], first.url, dict(self.console.seconds))
            migrations = migrations_fingerprint(ROOT)
            live = deployment_in(first, self.switchers[0].former)
            secrets = secret_days(first, configuration, live.release if live else None)
            release = new_release(info, artefact, configuration, fingerprint, migrations, processes, secrets)
            facts["release"] = release.id
            self.hooks.before("pre-deploy", **facts)
            done = self._roll_out(wanted, lambda switcher: switcher.deploy(release), self.soak)
        return self._done("deployed", done, facts)

    def rollback(self, wanted: str = "") -> Result:
        """Return every host to an earlier release with its own image and configuration, without a build."""
        with self._told("rollback") as facts:
            self._check()
            self._look()
            chosen = {id(switcher): switcher.choose(wanted) for switcher in self.switchers}
            facts.update(_of_release(chosen[id(self.switchers[0])]))
            self.hooks.before("pre-deploy", **facts)
            done = self._roll_out(self.switchers, lambda switcher: switcher.return_to(chosen[id(switcher)]), soak=0)
        return self._done("rolled back", done, facts)

    def resume(self) -> Result | None:
        """Start the release that was deployed last on each host; None where none is kept on any."""
        with self._told("up") as facts:
            self._check()
            started = [(switcher, switcher.resume()) for switcher in self.switchers]
            done = [(switcher, deployment) for switcher, deployment in started if deployment]
            if not done:
                return None
            facts.update(_of_release(done[0][1].release))
        return self._done("started", done, facts)

    # --- Steps ---------------------------------------------------------------------------------

    def _check(self) -> None:
        for switcher in self.switchers:
            switcher.check()

    def _look(self) -> None:
        for switcher in self.switchers:
            switcher.look()
            switcher.close_records()

    def _build(self, info: BuildInfo) -> str:
        target = self.switchers[0].target
        with self.console.step("build") as step:
            step.detail = target.build(info)
        with self.console.step("image") as step:
            artefact = target.package(info)
            step.detail = artefact[:19]
        return artefact

    def _roll_out(
        self, switchers: Sequence[Switcher], act: Callable[[Switcher], Deployment], soak: float
    ) -> list[tuple[Switcher, Deployment]]:
        """Go from host to host; where one fails, take back all that were done and say so host by host."""
        progress = _Progress()
        try:
            for group in groups(switchers, self.parallel):
                self._together(group, act, progress)
                if soak and len(progress.done) == 1 and len(switchers) > 1:
                    canary, deployment = progress.done[0]
                    canary.soak(deployment.release, soak)
        except (Exception, KeyboardInterrupt) as error:
            if len(switchers) == 1:
                raise
            with undisturbed():
                raise self._taken_back(error, switchers, progress) from error
        return progress.done

    def _together(self, group: Sequence[Switcher], act: Callable[[Switcher], Deployment], progress: _Progress) -> None:
        """Act on all hosts of a group at once; the first fault is raised when all have come to an end."""
        if len(group) == 1:
            self._note(group[0], act, progress)
            return
        with ThreadPoolExecutor(max_workers=len(group)) as pool:
            running = [pool.submit(self._note, switcher, act, progress) for switcher in group]
            try:
                faults = [fault for each in running if (fault := each.exception())]
            except KeyboardInterrupt:
                with undisturbed():
                    for switcher in group:
                        switcher.target.interrupt()
                    pool.shutdown()
                raise
        if faults:
            raise faults[0]

    def _note(self, switcher: Switcher, act: Callable[[Switcher], Deployment], progress: _Progress) -> None:
        try:
            progress.done.append((switcher, act(switcher)))
        except Fault as failed:
            if isinstance(failed, UnfinishedFault):
                progress.done.append((switcher, failed.deployment))
            progress.report.append(f"{switcher.target.host}: {failed.what}; {failed.where}")
            progress.report.extend(f"  {detail}" for detail in failed.details)
            raise

    def _taken_back(self, error: BaseException, switchers: Sequence[Switcher], progress: _Progress) -> Fault:
        """Take all hosts that were switched back to what they had; a fault that tells of each host."""
        cause = error.__cause__ if isinstance(error, UnfinishedFault) and error.__cause__ else error
        what = explained(cause, "", self.switchers[0].target.environment_name)
        reached = [switcher for switcher, _ in progress.done]
        failed = [line.partition(":")[0] for line in progress.report if not line.startswith(" ")]
        for switcher, deployment in reversed(progress.done):
            try:
                told = switcher.revert(deployment, f"undone, as the deploy failed: {what.what}")
            except Exception as failure:
                told = f"still serves the new release, as going back failed: {getattr(failure, 'what', failure)}"
            progress.report.append(f"{switcher.target.host}: {told}")
        untouched = [s.target.host for s in switchers if s not in reached and s.target.host not in failed]
        progress.report += [f"{host}: not reached, nothing was changed" for host in untouched]
        where = f"{len(failed)} of {len(switchers)} hosts failed" if failed else f"{len(switchers)} hosts"
        fault = DeployFault(what.what, where=where, details=progress.report, remedy=what.remedy)
        fault.settled = True
        return fault

    def _done(self, outcome: str, done: Sequence[tuple[Switcher, Deployment]], facts: dict[str, str]) -> Result:
        """Tell hooks and listeners that all went well."""
        self.hooks.after("post-deploy", **facts)
        self.console.report("outcome", outcome=outcome, **facts)
        several = {switcher.target.host: deployment for switcher, deployment in done if switcher.target.host}
        seconds = {**self.console.seconds, **done[0][0].console.seconds}
        return Result(outcome, done[0][1], done[0][0].target.url, seconds, several)

    @contextmanager
    def _told(self, action: str, info: BuildInfo | None = None) -> Iterator[dict[str, str]]:
        """Tell hooks of a failure; the facts that they hear grow while the deploy goes on."""
        facts = {"action": action, **({"version": info.version, "commit": info.commit} if info else {})}
        try:
            yield facts
        except (Exception, KeyboardInterrupt) as error:
            with undisturbed():
                fault = explained(error, "nothing was changed", self.switchers[0].target.environment_name)
                self.hooks.after("deploy-failed", **facts, reason=fault.what)
                self.console.report("outcome", outcome="failed", reason=fault.what, **facts)
            raise fault from error


def groups(switchers: Sequence[Switcher], parallel: int) -> list[Sequence[Switcher]]:
    """The first one alone, then the others, `parallel` at a time."""
    rest = switchers[1:]
    return [switchers[:1], *(rest[start : start + parallel] for start in range(0, len(rest), parallel))]


def _of_release(release: Release) -> dict[str, str]:
    return {"version": release.version, "commit": release.commit, "release": release.id}
