"""What a deploy needs of a target, and what both targets share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ..build.source import BuildInfo
from ..config.configuration import Configuration
from ..core.errors import DeployFault, UsageFault
from ..core.network import fetch_json
from .job_runs import JobRun
from .lock import Lease
from .overrides import Change
from .releases import Deployment, Release, ReleaseStore, last_of


@dataclass(frozen=True)
class SlotState:
    """What is known of a slot: `state` is running, stopped or empty, the rest is there while it runs."""

    slot: str
    state: str
    health: str = ""
    traffic: str = ""
    in_flight: int = 0
    release: str = ""

    def document(self) -> dict[str, Any]:
        """The slot as the JSON of `status` shows it."""
        names = ("slot", "state", "health", "traffic", "in_flight", "release")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class ProcessState:
    """What is known of a process beside the service in a slot: of `replicas`, how many run, and how many are well.

    Of a job, which has a `schedule`, that is what waits for its times; its last run is known apart from that.
    """

    process: str
    slot: str
    replicas: int
    running: int
    healthy: int
    release: str
    schedule: str = ""
    last_run: JobRun | None = None

    @property
    def well(self) -> bool:
        """Whether all are well."""
        return self.healthy == self.replicas

    def document(self) -> dict[str, Any]:
        """The process as the JSON of `status` shows it."""
        return asdict(self)


class Target(Protocol):
    """Where releases run: two slots behind a front door, and a store of releases.

    `host` is empty for this machine; `url` is where people find the front door, `probe_url` where the tasks do.
    """

    name: str
    host: str
    url: str
    probe_url: str
    environment_name: str
    releases: ReleaseStore

    def ask(self, path: str) -> tuple[int, Any]:
        """The status and document that the front door answers a GET with; status 0 and why where it does not."""
        return fetch_json(f"{self.probe_url}{path}")

    def front_door(self) -> AbstractContextManager[str]:
        """A URL that leads this machine to the front door for as long as it is held."""
        return nullcontext(self.probe_url)

    def lock(
        self, command: str, wait: float, note: Callable[[str], None], borrow: bool = False
    ) -> AbstractContextManager[Lease]:
        """Hold the environment's lock, after waiting for at most `wait` seconds; LockedFault names who holds it.

        With `borrow`, the lock of the deploy that this task is called by a hook of will do.
        """

    def check(self) -> str:
        """Refuse what would fail later: MissingFault or UsageFault. Gives a detail line."""

    def require_admission(self) -> None:
        """Refuse what the place where releases run would refuse later: asked for a plan, too, it changes nothing."""
        return

    def build_ahead(self, info: BuildInfo) -> AbstractContextManager[None]:
        """Begin to make the binary, beside what comes before `build`; what is not used in the end stops."""

    def take(self, info: BuildInfo, source: str) -> BuildInfo:
        """Have the image that the environment `source` has published for a commit in the place of one that is built.

        Gives what is built into it; UsageFault or MissingFault where there is none that fits.
        """
        return info

    def publish(self, info: BuildInfo) -> str:
        """Let other environments take the image that `package` has made: gives its name in the registry."""
        return ""

    def build(self, info: BuildInfo) -> str:
        """Make the binary. Gives a detail line."""

    def package(self, info: BuildInfo) -> str:
        """Make what is started: gives its identity."""

    def fingerprint(self) -> str:
        """A hash of the configuration as it would be deployed now."""

    def live_slot(self) -> str:
        """The slot that the front door sends requests to; empty where there is none."""

    def slots(self) -> list[SlotState]:
        """Both slots as they are."""

    def processes(self) -> list[ProcessState]:
        """What the releases in both slots have beside the service."""

    def ship(self, release: Release, progress: Callable[[str], None]) -> str:
        """Bring what was built to where it is started, and say how far it is. Gives a detail line."""

    def keep(self, release: Release) -> None:
        """Keep what a release needs to be started, now and later."""

    def missing(self, release: Release) -> str:
        """What a kept release lacks to be started again, in words; empty where it lacks nothing."""

    def secret_changed(self, release: Release, name: str) -> bool:
        """Whether a secret differs from what a kept release has."""

    def forget_all_but(self, releases: Sequence[Release]) -> None:
        """Give back what all other releases of this environment have kept."""

    def bring_up(self) -> None:
        """Start what the slots need where it does not run: front door and database."""

    def renew_edge(self) -> None:
        """Make the front door anew, with its present configuration, image and port."""

    def edge_outdated(self) -> bool:
        """Whether the front door that is there was made from something else than it would be now."""

    def left_behind(self) -> list[str]:
        """Services of the stack that run and that nothing names any more: `bring_up` ends them."""

    def migrate(self, release: Release, slot: str) -> str:
        """Bring the database to the release's schema. Gives a detail line."""

    def start(self, release: Release, slot: str) -> None:
        """Start a kept release in a slot, without any traffic."""

    def take_over(self, release: Release, slot: str, timeout: float) -> str:
        """Have the processes that a kept release has beside the service work, and those of the other slot end.

        DeployFault with the cause where one does not become healthy within `timeout` seconds. Gives a detail line.
        """

    def interrupt(self) -> None:
        """End a wait for health that is under way in another thread."""

    def wait_healthy(self, slot: str, timeout: float) -> str:
        """Return when the slot is healthy; DeployFault with the cause as soon as it cannot become so."""

    def slot_version(self, slot: str) -> tuple[int, Any]:
        """The status and document of /version as the slot itself answers; DeployFault where it does not."""

    def admit(self, slot: str, former: str) -> None:
        """Send new requests to the slot instead of the former one."""

    def settle(self, slot: str, former: str) -> None:
        """Let the slot, and not the former one, come back where its process or its engine ends."""

    def ailment(self, slot: str) -> list[str]:
        """What shows that the slot, which had requests sent to it, is not well any more; empty where nothing does."""

    def drain(self, slot: str, timeout: float) -> str:
        """Wait until no request is in flight on the slot. Gives a detail line."""

    def retire(self, slot: str) -> None:
        """Stop the slot and keep it."""

    def withdraw(self, slot: str, former: str) -> None:
        """Undo: the former slot serves, and its processes work; the new one gets no traffic and is stopped."""

    # --- Beside a deploy -----------------------------------------------------------------------

    def needs_password(self) -> bool:
        """Whether a database of the stack's own is about to be made, so that somebody has to choose its password."""

    def configure(self, configuration: Configuration) -> None:
        """Go on with another configuration of the same environment."""

    def take_down(self, data: bool) -> None:
        """Stop and remove everything that runs; with `data`, delete everything that is kept as well."""

    def door_runs(self) -> bool:
        """Whether there is a front door that can be told something."""

    def in_maintenance(self) -> bool:
        """Whether the front door answers every request with the maintenance page; False where it does not run."""

    def set_maintenance(self, on: bool) -> None:
        """Turn the maintenance page on or off, now and after a restart of the front door."""

    def apply_override(self, change: Change) -> str:
        """Have the release that serves go by other rules or plugins, until another one serves. Gives a detail line.

        DeployFault with the service's words where it does not take them, UsageFault where it looks for none.
        """

    def show_logs(self, service: str, lines: str, follow: bool) -> int:
        """Print the last lines of a service or process on the terminal, and what comes; gives an exit status.

        Without one, those of both slots and all of their processes.
        """

    def execute(self, service: str, command: Sequence[str]) -> int:
        """Run a command where a service of the stack runs, by default what serves; gives its exit status."""

    def pid_here(self) -> int:
        """The process that serves, by its number on this machine; UsageFault where it runs on another one."""

    def admin_url(self) -> str:
        """Where this machine reaches what the release that serves tells operators; UsageFault where it cannot."""
        raise UsageFault(
            "the service's own profiles are reached on its machine only",
            where=self.name,
            remedy="profile another target",
        )

    def reached_from_here(self, values: Mapping[str, str]) -> dict[str, str]:
        """Bring up what the service uses beside it, and give those of its values that this machine needs otherwise."""

    def servers_for_tests(self, values: Mapping[str, str]) -> dict[str, str]:
        """Bring up the same for tests, which may make databases there, and give the variables TEST_… for it."""
        raise UsageFault(
            "tests find servers in a stack of Docker",
            where=self.name,
            remedy="give dev the target docker in invoke.yaml",
        )

    def victim(self, drill: str, process: str) -> str:
        """The name of what a drill breaks: of the service, or of a process beside it.

        UsageFault where the target, or its stack, knows no such drill or process.
        """

    def fault(self, drill: str, process: str) -> AbstractContextManager[Callable[[float], None]]:
        """A drill's fault for as many seconds as it is called with, as holder of the lock.

        Nobody else works on its victim meanwhile; in the end everything is taken back.
        """


def live_of(states: Sequence[SlotState], recorded: Mapping[str, str]) -> str:
    """The slot that requests go to, empty where there is none; `recorded` is when each good release was deployed.

    That is the one which the edge serves; while none is ready, as without a database, it is the running one whose
    release was recorded last.
    """
    running = [state for state in states if state.state == "running"]
    serving = [state for state in running if state.traffic.startswith("UP")]
    candidates = serving or [state for state in running if state.release in recorded]
    live = max(candidates, key=lambda state: recorded.get(state.release, ""), default=None)
    return live.slot if live else ""


def deployment_in(target: Target, slot: str) -> Deployment | None:
    """The last deployment of the release that serves from a slot."""
    release = next((state.release for state in target.slots() if state.slot == slot), "")
    return last_of(target.releases.read(), release)


def fetch_version(target: Target) -> tuple[int, Any]:
    """The status and document of /version through the front door."""
    return target.ask("/version")


def verify_slot(target: Target, slot: str, build: BuildInfo) -> None:
    """Check that a slot without traffic answers as `build`; DeployFault with what it answers instead."""
    what = "the new release does not answer as the build that was made"
    _require_build(build, target.slot_version(slot), what, f"slot {slot}, /version")


def verify_front_door(target: Target, build: BuildInfo) -> str:
    """Check that the front door answers with `build`; DeployFault with what it answers instead."""
    what = "the front door does not answer with the new build"
    _require_build(build, fetch_version(target), what, f"{target.url}/version")
    return f"{build.version} answers at {target.url}"


def _require_build(build: BuildInfo, answer: tuple[int, Any], what: str, where: str) -> None:
    status, document = answer
    if status != 200 or document != build.document():
        details = [f"expected: {json.dumps(build.document())}", f"answered: {status} {json.dumps(document)}"]
        raise DeployFault(what, where=where, details=details)


def nothing_serves(environment: str) -> DeployFault:
    """What a task wants that needs a release that serves."""
    return DeployFault(f"no release serves in {environment}", remedy=f"deploy --env={environment}")


def migration_fault(status: int, words: Sequence[str]) -> DeployFault:
    """Why `migrate` failed: exit code 2 is the service's word for a configuration that it refuses."""
    if status == 2:
        remedy = "mend the values that it names"
        return DeployFault("the service refuses its configuration", where="migrate", details=words, remedy=remedy)
    remedy = "mend the migration, or the database that it names"
    return DeployFault("the migrations failed", where=f"exit code {status}", details=words, remedy=remedy)
