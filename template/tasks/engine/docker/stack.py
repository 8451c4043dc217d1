"""The compose stack of an environment on an engine: brought up, taken down, asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.configuration import GENERATED
from ..config.settings import BackingService
from ..core.errors import BuildFault, DeployFault, Fault, MissingFault
from ..core.runner import Outcome, Runner
from ..core.waiting import wait_until
from ..deploy.lock import LOOK, Lease
from ..edge.runtime_api import RUNTIME_API
from .compose import OVERRIDE_FILE, PASSWORDS, ComposeProject
from .engine import Engine
from .fence import Fence
from .health import HealthWatch, health_of
from .kept_releases import KeptReleases
from .lock import engine_lock
from .relay import RESTART_PAUSE, RESTART_SECONDS, FencedFault, Relay
from .secret_keeper import SecretKeeper

if TYPE_CHECKING:
    from docker.models.containers import Container

SERVICE_PORT = 8080
READY = ("HTTP/1.0 200", "HTTP/1.1 200")
STOP_SECONDS = 10
"""For a container to stop that has no stop_grace_period: what `docker stop` gives it."""
CLEAR_LINE = b"\x1b[2K"
RENEW_EDGE = "deploy --edge makes the front door anew, which breaks connections for a moment"


class Stack:
    """A compose project and the engine that it runs on."""

    def __init__(self, runner: Runner, project: ComposeProject) -> None:
        self.runner = runner
        self.project = project
        self.engine = Engine(project.endpoint)
        self.kept = KeptReleases(self.engine, project.name, project.labels())
        self._relay = Relay(self.engine, lambda: self.require("edge"))
        self._fence: Fence | None = None

    @contextmanager
    def locked(self, command: str, wait: float, note: Callable[[str], None], borrow: bool) -> Iterator[Lease]:
        """Hold the environment's lock, with all that former holders have claimed taken back."""
        labels = self.project.labels()
        with engine_lock(self.engine, f"{self.name}-lock", labels, command, wait, note, borrow) as lease:
            self._fence = Fence(self.engine, self.name, lease, lease.token)
            if not self.runner.dry:
                self._fence.take_back()
                if self.running("edge"):
                    self._relay.claim(lease.token)
            yield lease

    @property
    def fence(self) -> Fence:
        """The fence that whoever holds the lock works behind."""
        assert self._fence is not None, "the environment's lock is not held"
        return self._fence

    @property
    def keeper(self) -> SecretKeeper:
        """Who keeps the secrets of releases."""
        return SecretKeeper(self.engine, self.project)

    @property
    def name(self) -> str:
        """The compose project's name."""
        return self.project.name

    def find(self, service: str) -> Container | None:
        """The container of a service, running or not."""
        return self.engine.find(self.name, service)

    def require(self, service: str) -> Container:
        """The container of a service; DeployFault where there is none."""
        container = self.find(service)
        if container is None:
            raise DeployFault(f"{self.name} has no container of {service}", remedy="bring the environment up with up")
        return container

    def ask_edge(self, line: str) -> str:
        """What the front door's runtime API answers to a line."""
        return self._answered(lambda: self._relay.ask(*RUNTIME_API, f"{line}\n"))

    def tell_edge(self, line: str) -> str:
        """What the front door's runtime API answers to a line that changes something; LockedFault without the lock."""
        for _ in ("as it is", "claimed anew"):
            with suppress(FencedFault):
                return self._answered(lambda: self._relay.ask(*RUNTIME_API, f"{line}\n", self.fence.token))
            self._claim_edge()
        raise DeployFault("the front door heeds somebody else", where=self.name, remedy=LOOK)

    def _claim_edge(self) -> None:
        """Make the front door heed this holder of the lock, if it still is one: it may have been restarted."""
        self.fence.require()
        self._relay.claim(self.fence.token)

    def _answered(self, ask: Callable[[], str | None]) -> str:
        """What the front door answers, while it starts or ends after a little."""
        answers: list[str] = []

        def answered() -> bool:
            answer = ask()
            if answer is not None:
                answers.append(answer)
            return bool(answers)

        if not wait_until(answered, RESTART_SECONDS, RESTART_PAUSE):
            self.require("edge")  # Where it is the engine, or the way to it, that is gone, this says so.
            raise DeployFault("the front door does not answer", where=self.name, remedy=RENEW_EDGE)
        return answers[0]

    def ask_slot(self, slot: str, path: str, relay: Relay | None = None) -> str | None:
        """The whole answer of a slot to a GET past the front door; None where it does not answer."""
        host = f"app-{slot}"
        return (relay or self._relay).ask(host, SERVICE_PORT, f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")

    def ready_slot(self, slot: str) -> Callable[[], bool]:
        """Asks a slot whether it is ready, on a way of its own: one that hangs must not hold up what else is asked."""
        relay = Relay(self.engine, lambda: self.require("edge"))
        return lambda: (self.ask_slot(slot, "/readyz", relay) or "").startswith(READY)

    def running(self, service: str) -> bool:
        """Whether a service's container runs."""
        container = self.find(service)
        return container is not None and container.status == "running"

    def healthy(self, service: str) -> bool:
        """Whether the engine calls a service's container healthy."""
        container = self.find(service)
        return container is not None and health_of(container) == "healthy"

    def bring_up(self, *services: str) -> None:
        """Start services, by default the edge and the database, and wait for the engine to call each healthy."""
        self.up("--no-recreate", *(services or self.project.services))

    def renew_edge(self) -> None:
        """Build the front door's image, make its container anew and wait until it is healthy.

        BuildFault where its configuration is not in order: the one that runs is left alone.
        """
        self._build_edge()
        self.remove(self.engine.find_all(self.name, "edge"))
        self.up("--no-recreate", "--no-deps", "edge")

    def _build_edge(self) -> None:
        done = self.compose("build", "edge")
        if not done.ok:
            # Of a step that failed, what it said stands between two lines of dashes.
            said = [line for line in done.stdout.split("------\n")[-2:][0].splitlines() if line.strip()]
            remedy = "mend what the build names: edge/haproxy.cfg, edge/Dockerfile or EDGE_IMAGE"
            details = [*said[-8:], *done.tail(1)]
            where = "edge; a front door that runs is left alone"
            raise BuildFault("the front door does not build", where=where, details=details, remedy=remedy)

    def up(self, *options: str) -> None:
        """Let Compose start services, and wait until the engine calls each healthy."""
        wanted = [option for option in options if not option.startswith("--")]
        arguments = ("up", "--detach", *options)
        if self.runner.dry:
            self.compose(*arguments)
            return
        if "database" in wanted:
            self._put_password()
        with closing(HealthWatch(self.engine, self.name)) as watch:
            done = self.compose(*arguments)
            if "edge" in wanted and "failed to solve" in done.stderr and "failed to resolve" not in done.stderr:
                # Compose does not say whose image it is, nor why.
                self._build_edge()
            self.require_done(done, "the stack does not start")
            for service in wanted:
                container = self.require(service)
                if "Health" in container.attrs["State"]:
                    watch.wait(container, self.project.settings.healthy_timeout)

    def _put_password(self) -> None:
        """Have the password of the stack's own database where that looks for it at each start."""
        container = self.find("database")
        if container is not None and (self.healthy("database") or not self._mounts_password(container)):
            return
        if self.project.configuration.environment.development:
            self.keeper.keep_for_development(GENERATED, self.project.configuration[GENERATED])
            return
        self.keeper.start(self.kept.newest_image())
        if self.keeper.has_password():
            return
        self.keeper.keep_password(GENERATED, self.project.configuration[GENERATED])
        if container is not None and container.status == "restarting":
            with self.fence.claimed(container) as claim:
                claim.stop(STOP_SECONDS)

    def _mounts_password(self, container: Container) -> bool:
        """Not where it was made before there was a keeper of secrets."""
        return any(mount.get("Name") == f"{self.name}_{PASSWORDS}" for mount in container.attrs["Mounts"])

    def remove(self, containers: Sequence[Container], volumes: bool = True) -> None:
        """Stop and remove containers, with their anonymous volumes if wanted."""
        for container in [] if self.runner.dry else containers:
            with self.fence.claimed(container) as claim:
                if container.status in ("running", "restarting"):
                    claim.stop(container.attrs["Config"].get("StopTimeout") or STOP_SECONDS)
                claim.remove(volumes)

    def make(self, services: Sequence[str], slot_file: Path | None, what: str) -> None:
        """Make containers of services of a slot without starting them; `what` is said to fail where it does."""
        arguments = ("up", "--no-start", "--no-deps", "--no-build", "--no-recreate", "--pull", "never")
        self.require_done(self.compose(*arguments, *services, slot_file=slot_file), what)

    def let_come_back(self, container: Container, wanted: bool) -> None:
        """Let a container come back where its process or its engine ends, or not."""
        policy = "unless-stopped" if wanted else "no"
        if container.attrs["HostConfig"]["RestartPolicy"]["Name"] != policy:
            with self.fence.claimed(container) as claim:
                claim.come_back(policy)

    def compose(self, *arguments: str, slot_file: Path | None = None, timeout: float | None = None) -> Outcome:
        """Run a compose command and capture what it says."""
        self._write()
        argv = self.project.argv(*arguments, slot_file=slot_file)
        return self.runner.run(argv, env=self.project.env(), timeout=timeout)

    def would(self, *arguments: str) -> Outcome:
        """What a compose command says that it would do."""
        self._write()
        return self.runner.read(self.project.argv("--dry-run", *arguments), self.project.env())

    def require_done(self, done: Outcome, what: str) -> None:
        """Raise what Compose said where it failed: `what` does not work."""
        if not done.ok:
            raise compose_fault(what, done)

    def show(self, *arguments: str, beside: Sequence[str] = ()) -> int:
        """Run a compose command on the user's own terminal; gives its exit status.

        `beside` are services that it may name though no file of the stack has them.
        """
        self._write()
        names = self.project.write_names(beside) if beside else None
        # Compose clears the line before each one, for whatever reads it.
        return self.runner.stream(
            self.project.argv(*arguments, slot_file=names), self.project.env(), without=CLEAR_LINE
        )

    def _write(self) -> None:
        if not self.runner.dry:
            self.project.write_stack()

    def urls_for_host(self, values: Mapping[str, str]) -> dict[str, str]:
        """Bring the stack's own database and cache up, and give their URLs as they are reached from this machine."""
        own = self.project.own
        if own:
            self.bring_up(*(each.name for each in own))
        return {each.variable: self._url_for_host(each, values[each.variable]) for each in own}

    def _url_for_host(self, backing: BackingService, url: str) -> str:
        ports = self.require(backing.name).attrs["NetworkSettings"]["Ports"]
        published = (ports.get(f"{backing.port}/tcp") or [{}])[0].get("HostPort")
        if not published:
            raise DeployFault(f"the {backing.name} publishes no port", remedy="set development: true in invoke.yaml")
        place = f"127.0.0.1:{published}"
        return re.sub(rf"(?<=[/@]){backing.name}(:{backing.port})?(?=[/?]|$)", place, url, count=1)


def compose_fault(what: str, done: Outcome) -> Fault:
    """What Compose said, as a fault of the right kind."""
    words = done.stderr.lower()
    details = done.tail(6)
    if "port is already allocated" in words or "address already in use" in words:
        return MissingFault(
            f"{what}: its port is taken",
            details=details,
            remedy=f"set another EDGE_PORT, or another port in {OVERRIDE_FILE}",
        )
    if "pull access denied" in words or "failed to resolve" in words or "no such host" in words:
        remedy = "check the way to the registry, or set the _IMAGE of what cannot be had to what can, as EDGE_IMAGE"
        return MissingFault(f"{what}: an image is not here and cannot be pulled", details=details, remedy=remedy)
    return DeployFault(what, details=details)
