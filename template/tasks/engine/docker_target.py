"""The docker target: two slots of the compose stack behind HAProxy, on one engine."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import gobuild, image
from .compose import DATABASE_PORT, Stack
from .configuration import GENERATED
from .docker_engine import Engine
from .edge import ASK, SLOTS, Edge
from .errors import DeployFault, MissingFault, UsageFault
from .releases import Release, ReleaseStore, from_texts, to_text
from .runner import Outcome, Runner
from .source import BuildInfo
from .target import SlotState, Target, require_free_port
from .toolchain import find_go

if TYPE_CHECKING:
    from docker.models.containers import Container

RELEASES = "/var/lib/releases"
MINIMUM_COMPOSE = (2, 20)
"""The release of Compose that knows start_interval."""
FREE_BYTES = 512 * 1024 * 1024
"""What the engine's disk must have free: an image with its build cache, and room to live."""
STOP_SECONDS = 40
"""More than the stop_grace_period of a slot, which the engine itself holds."""


class DockerReleases:
    """Release records in a volume of the stack, which the edge's container lends its mount for."""

    def __init__(self, target: DockerTarget) -> None:
        self._target = target

    def read(self) -> list[Release]:
        """All records, oldest first; none where the stack was never up."""
        edge = self._target.engine.find(self._target.stack.project, "edge")
        return from_texts(self._target.engine.get_files(edge, RELEASES)) if edge else []

    def write(self, release: Release) -> None:
        """Keep a record."""
        edge = self._target.require("edge")
        self._target.engine.put_file(edge, RELEASES, f"{release.id}.json", to_text(release))


class DockerTarget(Target):
    """One environment on one engine. Making it connects to the engine."""

    name = "docker"

    def __init__(self, runner: Runner, stack: Stack) -> None:
        self.runner = runner
        self.stack = stack
        self.engine = Engine()
        self.releases: ReleaseStore = DockerReleases(self)
        self.environment = stack.configuration.environment
        self.port = int(stack.configuration["EDGE_PORT"])
        self.url = f"http://localhost:{self.port}"
        self._flags = ("", "")
        self._folder: Path | None = None

    # --- Before anything changes ---------------------------------------------------------------

    def check(self) -> str:
        """Compose and buildx are there, the front door's port is free, the disk has room, a password is known."""
        compose = self.runner.read(["docker", "compose", "version", "--short"])
        found = re.match(r"v?(\d+)\.(\d+)", compose.stdout)
        if not compose.ok or not found or (int(found[1]), int(found[2])) < MINIMUM_COMPOSE:
            wanted = ".".join(map(str, MINIMUM_COMPOSE))
            raise MissingFault(
                f"Docker Compose {wanted} or newer is needed", remedy="install the docker-compose-plugin package"
            )
        if not self._running("edge"):
            require_free_port("", self.port, "EDGE_PORT")
        self._check_disk()
        self._check_password()
        return f"engine {self.engine.client.version()['Version']}, compose {compose.stdout.strip()}"

    def fingerprint(self) -> str:
        """A hash of values and compose files."""
        return self.stack.fingerprint()

    def _check_disk(self) -> None:
        folder = Path(str(self.engine.client.info()["DockerRootDir"]))
        if folder.exists() and (free := shutil.disk_usage(folder).free) < FREE_BYTES:
            raise MissingFault(
                f"the engine's disk has {free // 2**20} MB left, and an image needs up to {FREE_BYTES // 2**20} MB",
                where=str(folder),
                remedy="free some with docker system prune and docker builder prune, or give the engine a larger disk",
            )

    def _check_password(self) -> None:
        if self.stack.settings.database != "postgres" or self.stack.configuration.secret_values().get(GENERATED):
            return
        if self.engine.volume_exists(f"{self.stack.project}_database"):
            local = f".env.{self.environment.name}.local"
            raise UsageFault(
                f"{GENERATED} is missing, and the environment's database was made with one",
                where=local,
                remedy=f"put it back into {local}, or start afresh with down --volumes",
            )

    # --- Build ---------------------------------------------------------------------------------

    def build(self, info: BuildInfo) -> str:
        """Build on the host where Go is here; else the image's own build stage does it."""
        go = find_go()
        service = self.stack.settings.service
        plan = gobuild.plan_image_build(go, self.runner.root, service, self.environment, info, self.engine.platform())
        self._flags = (plan.ldflags, plan.gcflags)
        if not go:
            return "inside Docker, as there is no Go here"
        gobuild.build(self.runner, plan, info)
        self._folder = gobuild.package_folder(self.runner, plan)
        return f"{plan.output.relative_to(self.runner.root)}, {_megabytes(plan.output)}"

    def package(self, info: BuildInfo) -> str:
        """Build the image; its id is the release's artefact."""
        images = self.stack.configuration.stack_values()
        return image.build_image(
            self.runner, image.plan_image(self.environment, info, images, self._flags, self._folder)
        )

    # --- State ---------------------------------------------------------------------------------

    def slots(self) -> list[SlotState]:
        """Both slots: what the engine says of their containers and the edge of their traffic."""
        traffic = self._edge().traffic() if self._running("edge") else {}
        states = []
        for slot in SLOTS:
            container = self._slot(slot)
            if container is None:
                states.append(SlotState(slot, "empty"))
                continue
            state = container.attrs["State"]
            running = state["Status"] == "running"
            states.append(
                SlotState(
                    slot,
                    "running" if running else "stopped",
                    health=state.get("Health", {}).get("Status", "") if running else "",
                    traffic=traffic[slot].state if running and slot in traffic else "",
                    in_flight=traffic[slot].in_flight if slot in traffic else 0,
                    release=container.labels.get("copier-gin.release", ""),
                )
            )
        return states

    def live_slot(self) -> str:
        """The slot that serves; of two, as after a deploy that was killed, the one that was recorded last."""
        serving = [state.slot for state in self.slots() if state.traffic.startswith("UP")]
        if len(serving) < 2:
            return serving[0] if serving else ""
        recorded = {release.slot: release.deployed_at for release in self.releases.read()}
        return max(serving, key=lambda slot: recorded.get(slot, ""))

    # --- The steps of a deploy -----------------------------------------------------------------

    def prepare(self, release: Release) -> None:
        """Bring the edge and the database up where they are not, and write the slot's values."""
        if self.runner.dry:
            self._compose_dry("up", "--detach", "--no-recreate", *self.stack.services)
            return
        self.stack.write_stack()
        self.stack.write_slot(release.slot, release, release.artefact)
        if not all(self._healthy(service) for service in self.stack.services):
            self.bring_up()

    def bring_up(self, *services: str) -> None:
        """Start services, by default the edge and the database, and wait for the engine to call each healthy."""
        wanted = services or tuple(self.stack.services)
        timeout = self.stack.settings.healthy_timeout
        with self.engine.events(self.stack.project, timeout) as events:
            done = self._compose("up", "--detach", "--no-recreate", "--quiet-pull", *wanted)
            if not done.ok:
                raise _compose_fault("the stack does not start", done)
            for service in wanted:
                self.engine.wait_healthy(self.require(service), events, timeout)

    def migrate(self, release: Release) -> str:
        """Run the migrations of the new image in a container of their own."""
        if self.stack.settings.database == "none":
            return "no database"
        arguments = ("run", "--rm", "--no-deps", "--no-TTY", "migrate")
        if self.runner.dry:
            self._compose_dry(*arguments, slot=release.slot)
            return ""
        done = self._compose(*arguments, slot=release.slot, timeout=600)
        if not done.ok:
            raise DeployFault(
                "the migrations failed",
                where=f"exit code {done.status}",
                details=done.tail(),
                remedy="mend the migration or the database that it names; nothing was switched",
            )
        return (done.stdout.strip().splitlines() or [""])[-1][:100]

    def start(self, release: Release) -> None:
        """Create and start the slot's container anew, held back from traffic."""
        arguments = ("up", "--detach", "--no-deps", "--no-build", "--force-recreate", "--pull", "never")
        if self.runner.dry:
            self._compose_dry(*arguments, f"app-{release.slot}", slot=release.slot)
            return
        self._edge().hold(release.slot)
        self._open_events()
        done = self._compose(*arguments, f"app-{release.slot}", slot=release.slot)
        if not done.ok:
            raise _compose_fault(f"app-{release.slot} does not start", done)

    def restart(self, release: Release) -> None:
        """Start the stopped container of a kept release again."""
        container = self.require(f"app-{release.slot}")
        if container.labels.get("copier-gin.release") != release.id:
            raise DeployFault(f"release {release.id} is not kept any more", remedy="deploy the commit that you want")
        self._edge().hold(release.slot)
        self._open_events()
        self.runner.act(f"start {container.name}", container.start)

    def wait_healthy(self, release: Release, timeout: float) -> str:
        """Wait for the engine's events; a container that dies ends the wait at once."""
        if self.runner.dry:
            return ""
        try:
            self.engine.wait_healthy(self.require(f"app-{release.slot}"), self._events, timeout)
        finally:
            self._exit_stack.close()
        return f"app-{release.slot}"

    def admit(self, release: Release, former: str) -> None:
        """Let the new slot in, and once the edge serves it, give the former one no new requests."""
        self.runner.act(f"send requests to app-{release.slot}", lambda: self._admit(release.slot, former))

    def drain(self, slot: str, timeout: float) -> str:
        """Wait until the edge counts no request in flight on the slot."""
        if self.runner.dry:
            return ""
        left = self._edge().wait_drained(slot, timeout)
        return f"{left} requests still under way after {timeout:.0f} s" if left else f"app-{slot} is idle"

    def retire(self, slot: str) -> None:
        """Stop the slot's container and keep it for a rollback."""
        container = self._slot(slot)
        if container is not None:
            self.runner.act(f"stop {container.name}", lambda: container.stop(timeout=STOP_SECONDS))
        if not self.runner.dry:
            self._edge().resume(slot)

    def withdraw(self, slot: str, former: str) -> None:
        """Give the former slot its traffic back, and stop the new one."""
        if self._running("edge"):
            if former:
                self._edge().resume(former)
                self._edge().wait_serving(former, 5)
            self._edge().hold(slot)
        container = self._slot(slot)
        if container is not None and container.status in ("running", "restarting", "created"):
            container.stop(timeout=5)

    # --- Beside a deploy -----------------------------------------------------------------------

    def compose(self, *arguments: str) -> int:
        """A compose command on the user's own terminal; gives its exit status."""
        if not self.runner.dry:
            self.stack.write_stack()
        return self.runner.stream(self.stack.argv(*arguments), env=self.stack.env())

    def down(self, data: bool) -> None:
        """Remove containers and networks; with `data`, volumes and kept values as well."""
        arguments = ["--profile", "*", "down", "--remove-orphans", *(["--volumes"] if data else [])]
        if self.runner.dry:
            self._compose_dry(*arguments)
            return
        self.stack.write_stack()
        done = self._compose(*arguments)
        if not done.ok:
            raise _compose_fault("the stack does not go down", done)
        if data:
            shutil.rmtree(self.stack.state)

    def database_for_host(self, url: str) -> str:
        """Bring the database up, and give `url` as it is reached from this machine."""
        self.stack.write_stack()
        self.bring_up("database")
        port = f"{DATABASE_PORT}/tcp"
        bindings = self.require("database").attrs["NetworkSettings"]["Ports"].get(port) or [{}]
        published = bindings[0].get("HostPort")
        if not published:
            raise DeployFault("the database publishes no port", remedy="set development: true in invoke.yaml")
        return url.replace(f"database:{DATABASE_PORT}", f"127.0.0.1:{published}")

    # --- Pieces --------------------------------------------------------------------------------

    def require(self, service: str) -> Container:
        """The container of a service; DeployFault where there is none."""
        container = self.engine.find(self.stack.project, service)
        if container is None:
            raise DeployFault(f"{self.stack.project} has no container of {service}", remedy="bring it up with up")
        return container

    def _admit(self, slot: str, former: str) -> None:
        networks: dict[str, Any] = self.require(f"app-{slot}").attrs["NetworkSettings"]["Networks"]
        edge = self._edge()
        edge.admit(slot, str(networks[f"{self.stack.project}_front"]["IPAddress"]))
        edge.wait_serving(slot, 10)
        if former and former != slot:
            edge.drain(former)

    def _edge(self) -> Edge:
        container = self.require("edge")
        return Edge(lambda line: self.engine.execute(container, ["bash", "-c", ASK, line]))

    def _slot(self, slot: str) -> Container | None:
        return self.engine.find(self.stack.project, f"app-{slot}")

    def _running(self, service: str) -> bool:
        container = self.engine.find(self.stack.project, service)
        return container is not None and container.status == "running"

    def _healthy(self, service: str) -> bool:
        container = self.engine.find(self.stack.project, service)
        return container is not None and container.attrs["State"].get("Health", {}).get("Status") == "healthy"

    def _open_events(self) -> None:
        self._exit_stack = ExitStack()
        timeout = self.stack.settings.healthy_timeout
        self._events = self._exit_stack.enter_context(self.engine.events(self.stack.project, timeout))
        self._started = time.monotonic()

    def _compose(self, *arguments: str, slot: str = "", timeout: float | None = None) -> Outcome:
        return self.runner.run(self.stack.argv(*arguments, slot=slot), env=self.stack.env(), timeout=timeout)

    def _compose_dry(self, *arguments: str, slot: str = "") -> None:
        self.runner.run(self.stack.argv(*arguments, slot=slot))


def _compose_fault(what: str, done: Outcome) -> Exception:
    words = done.stderr.lower()
    details = done.tail(6)
    if "port is already allocated" in words or "address already in use" in words:
        return MissingFault(f"{what}: its port is taken", details=details, remedy="set another EDGE_PORT")
    if "pull access denied" in words or "failed to resolve" in words or "no such host" in words:
        remedy = "check the way to the registry, or name another image in .env.<env>.local (EDGE_IMAGE, POSTGRES_IMAGE)"
        return MissingFault(f"{what}: an image is not here and cannot be pulled", details=details, remedy=remedy)
    return DeployFault(what, details=details)


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB" if path.exists() else ""
