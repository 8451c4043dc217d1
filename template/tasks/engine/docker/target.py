"""The docker target: two slots of the compose stack behind HAProxy, on one engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..config.process_types import kept_types
from ..core.errors import DeployFault
from ..core.network import parse_json
from ..core.runner import Runner
from ..core.slots import SLOTS
from ..core.waiting import wait_until
from ..deploy.image_builds import ImageBuilds
from ..deploy.lock import Lease
from ..deploy.releases import Release, ReleaseStore, good
from ..deploy.target import ProcessState, SlotState, live_of, migration_fault
from ..edge.definition import EDGE
from ..edge.runtime_api import Edge
from .compose import ComposeProject
from .engine import SERVICE_LABEL, Engine
from .errors import telling_faults
from .health import HealthWatch, fault_of
from .images import ImageBuild
from .kept_releases import RELEASE, in_memory
from .operations import DockerOperations
from .own_services import bring_up_own_services, left_behind
from .place import Place
from .preflight import check_stack
from .releases import DockerReleases
from .slot_processes import SlotProcesses
from .slots import STOP_SECONDS, Slot, slot_state
from .stack import Stack

WITHDRAWN_SECONDS = 5
MIGRATION_SECONDS = 600
ADMIT_SECONDS = 10
ANSWER_SECONDS = 5


@telling_faults
class DockerTarget(DockerOperations, ImageBuilds):
    """One environment on one engine; `builder` is where its images are built, by default there."""

    name = "docker"
    _images: ImageBuild

    def __init__(self, runner: Runner, project: ComposeProject, place: Place, builder: Engine | None = None) -> None:
        self.runner = runner
        self.place = place
        self.stack = Stack(runner, project)
        self.releases: ReleaseStore = DockerReleases(self.stack)
        self.environment = project.configuration.environment
        self.environment_name = self.environment.name
        self.host, self.url, self.probe_url = place.host, place.url, place.probe_url
        self._images = ImageBuild(self.stack, builder or self.stack.engine)
        self._watch: HealthWatch | None = None

    @property
    def project(self) -> ComposeProject:
        """The compose project."""
        return self.stack.project

    # --- Before anything changes ---------------------------------------------------------------

    def lock(
        self, command: str, wait: float, note: Callable[[str], None], borrow: bool = False
    ) -> AbstractContextManager[Lease]:
        """A lock on the engine: it holds for everybody who deploys to it."""
        return self.stack.locked(command, wait, note, borrow)

    def check(self) -> str:
        """Compose is new enough, the front door's port is free, the disk has room, the password is known."""
        return check_stack(self.stack, self.place)

    def fingerprint(self) -> str:
        """A hash of values and compose files."""
        return self.project.fingerprint()

    # --- State ---------------------------------------------------------------------------------

    def slots(self) -> list[SlotState]:
        """Both slots: what the engine says of their containers and the edge of their traffic."""
        traffic = self._edge().traffic() if self.stack.running("edge") else {}
        return [slot_state(slot, self._slot(slot).container, traffic.get(slot)) for slot in SLOTS]

    def processes(self) -> list[ProcessState]:
        """Those of both slots, by their containers."""
        return [state for slot in SLOTS for state in SlotProcesses(self.stack, slot).states()]

    def live_slot(self) -> str:
        """The slot that requests go to."""
        return live_of(self.slots(), {each.release.id: each.at for each in good(self.releases.read())})

    # --- The steps of a deploy -----------------------------------------------------------------

    def ship(self, release: Release, progress: Callable[[str], None]) -> str:
        """Send the image to the engine where it was not built on it."""
        return self._images.ship(release, self.host, progress)

    def keep(self, release: Release) -> None:
        """Keep the release's values with the engine, where its image is already."""
        if not self.runner.dry:
            configuration, image = self.project.configuration, self._images.shipped
            self._images.name(release)
            if secrets := configuration.secret_values():
                self.stack.keeper.start(image)
                self.stack.keeper.keep(release.id, secrets)
            self.stack.kept.keep(release.id, self.project.service_document(image, release.id))

    def missing(self, release: Release) -> str:
        """A release needs its image and its values."""
        image = self._image_of(release)
        if not image:
            return "its values were removed from the engine"
        return "" if self.stack.engine.image_exists(image) else "its image was removed"

    def secret_changed(self, release: Release, name: str) -> bool:
        """Compare with the file that the release has."""
        if self.missing(release):
            return True
        document = self.stack.kept.document(release.id) or {}
        kept = (self.stack.keeper if in_memory(document) else self.stack.kept).secrets(release.id)
        return kept.get(name) != self.project.configuration.secret_values()[name]

    def forget_all_but(self, releases: Sequence[Release]) -> None:
        """Give back the values and images of all other releases."""
        # Whoever has lost the lock knows an older list, and must take nothing from what stands in a slot.
        self.stack.fence.require()
        kept = {release.id for release in releases} | {state.release for state in self.slots() if state.release}
        volumes = self.stack.kept.others(kept)
        if self.stack.keeper.runs:
            self.stack.keeper.retain(kept, self.stack.kept.newest_image())
        self._images.forget_all_but(releases, set(map(self._image_of, releases)))
        self.stack.kept.forget(volumes)

    def renew_edge(self) -> None:
        """Build the edge's image and recreate its container."""
        self.stack.renew_edge()

    def edge_outdated(self) -> bool:
        """Compare with the label of its container."""
        edge = self.stack.find("edge")
        return edge is not None and edge.labels.get(EDGE) != self.project.edge_fingerprint

    def bring_up(self) -> None:
        """Bring the edge and the database up where they are not, and what the user adds as it is defined now."""
        if not all(self.stack.healthy(service) for service in self.project.services):
            self.stack.bring_up()
        bring_up_own_services(self.stack)

    def left_behind(self) -> list[str]:
        """Services that were taken out of the compose files."""
        return sorted({each.labels[SERVICE_LABEL] for each in left_behind(self.stack)})

    def migrate(self, release: Release, slot: str) -> str:
        """Run the migrations of the new image in a container of their own."""
        if self.project.settings.database == "none":
            return "no database"
        arguments = ("run", "--rm", "--no-deps", "--no-TTY", "migrate")
        done = self.stack.compose(*arguments, slot_file=self._write_slot(release, slot), timeout=MIGRATION_SECONDS)
        if not done.ok:
            raise migration_fault(done.status, done.tail())
        return (done.stdout.strip().splitlines() or [""])[-1][:100]

    def start(self, release: Release, slot: str) -> None:
        """Start the slot's container, held back from traffic: the one that is kept, or a new one."""
        if not self.runner.dry:
            self._edge().hold(slot)
            self._slot(slot).end_restarts()
            self._bring_secrets(release)
        kept = self._slot(slot).container
        if kept is None or kept.labels.get(RELEASE) != release.id:
            SlotProcesses(self.stack, slot).end_others(release.id)
            self._slot(slot).make(self._write_slot(release, slot))
        if not self.runner.dry:
            self._watch = HealthWatch(self.stack.engine, self.project.name)
        self.runner.act(f"start app-{slot}", lambda: self._slot(slot).start(release.id))
        # By the time that it is healthy the edge has looked its address up, and probed it.
        self.runner.act(f"let the edge look at app-{slot}", lambda: self._edge().drain(slot))

    def take_over(self, release: Release, slot: str, timeout: float) -> str:
        """Have the containers of the release's processes run in the place of the other slot's."""
        types = kept_types(self.stack.kept.document(release.id) or {})

        def take_over() -> None:
            processes = SlotProcesses(self.stack, slot)
            processes.make(types, release.id, self._write_slot(release, slot))
            processes.take_over(types, timeout)

        self.runner.act(f"run the processes of {release.id}", take_over)
        return ", ".join(each.name for each in types)

    def interrupt(self) -> None:
        """Ends the stream of events, and with it the wait."""
        if self._watch:
            self._watch.close()

    def wait_healthy(self, slot: str, timeout: float) -> str:
        """Wait for the engine's events, and ask the slot itself; a container that dies ends the wait at once."""
        if self._watch:
            ready = self.stack.ready_slot(slot)
            self._watch.wait(self.stack.require(f"app-{slot}"), timeout, ready)
        return f"app-{slot}"

    def slot_version(self, slot: str) -> tuple[int, Any]:
        """Ask the slot from where the edge is, as only that has a way to it."""
        answers: list[str] = []

        def answered() -> bool:
            answers.append(self.stack.ask_slot(slot, "/version") or "")
            return bool(answers[-1])

        # A container that the engine has just brought back is known to others by its name a moment later.
        if not wait_until(answered, ANSWER_SECONDS, 0.1):
            raise fault_of(self.stack.require(f"app-{slot}"), "does not answer")
        head, _, body = answers[-1].partition("\r\n\r\n")
        return int(head.split()[1]), parse_json(body.encode())

    def admit(self, slot: str, former: str) -> None:
        """Let the new slot in, and once the edge serves it, give the former one no new requests."""
        self.runner.act(f"send requests to app-{slot}", lambda: self._admit(slot, former))

    def settle(self, slot: str, former: str) -> None:
        """The engine starts again only what serves: after a power cut nothing else may answer."""
        self.runner.act(f"let app-{slot} come back with the engine", lambda: self._settle(slot, former))

    def ailment(self, slot: str) -> list[str]:
        """The slot's container has crashed since its start, or the edge does not find it healthy."""
        container = self.stack.require(f"app-{slot}")
        if container.status != "running" or container.attrs["RestartCount"]:
            fault = fault_of(container, "has ended since its start")
            return [fault.what, *fault.details]
        return [] if self._edge().traffic()[slot].serving else [f"app-{slot} is not healthy any more"]

    def drain(self, slot: str, timeout: float) -> str:
        """Wait until the edge counts no request in flight on the slot."""
        left = 0 if self.runner.dry else self._edge().wait_drained(slot, timeout)
        return f"{left} requests still under way after {timeout:.0f} s" if left else f"app-{slot} is idle"

    def retire(self, slot: str) -> None:
        """Stop the slot's container and keep it for a rollback."""
        self.runner.act(f"stop app-{slot}", lambda: self._slot(slot).retire(STOP_SECONDS))
        self.runner.act(f"let the edge look at app-{slot}", lambda: self._edge().dismiss(slot))

    def withdraw(self, slot: str, former: str) -> None:
        """Give the former slot its traffic back, and stop the new one."""
        if self._watch:
            self._watch.close()
        if self.stack.running("edge"):
            edge = self._edge()
            if former:
                self._found(former)
                edge.switch(former, slot)
                edge.wait_serving(former, ADMIT_SECONDS)
                self._slot(former).come_back(True)
            edge.hold(slot)
        container = self._slot(slot).container
        if container is not None and container.status in ("running", "restarting"):
            self._slot(slot).stop(WITHDRAWN_SECONDS)
        processes = SlotProcesses(self.stack, slot)
        if former and former != slot:
            processes.give_back()
        else:
            processes.stop()

    # --- Pieces --------------------------------------------------------------------------------

    def _image_of(self, release: Release) -> str:
        """The id that a kept release's image has on this engine; empty where it is not kept."""
        document = self.stack.kept.document(release.id)
        return str(document["image"]) if document else ""

    def _bring_secrets(self, release: Release) -> None:
        """Have the release's secrets in memory, which they are not after a restart of the host."""
        document = self.stack.kept.document(release.id) or {}
        if in_memory(document):
            self.stack.keeper.start(str(document["image"]))
            self.stack.keeper.require(release.id)

    def _write_slot(self, release: Release, slot: str) -> Path | None:
        if self.runner.dry:
            return None
        document = self.stack.kept.document(release.id)
        if document is None:
            raise DeployFault(f"release {release.id} is not kept: {self.missing(release)}")
        return self.project.write_slot(slot, release.id, self.stack.kept.volume(release.id), document)

    def _admit(self, slot: str, former: str) -> None:
        if not self._found(slot):
            raise fault_of(self.stack.require(f"app-{slot}"), "is not found healthy by the edge")
        self._edge().switch(slot, former if former != slot else "")

    def _found(self, slot: str) -> bool:
        """Whether the edge finds the slot healthy where its container is now: until then it gets no traffic."""
        edge = self._edge()
        if edge.traffic()[slot].serving:
            return True
        edge.drain(slot)
        return edge.wait_found(slot, self._slot(slot).addresses, ADMIT_SECONDS)

    def _settle(self, slot: str, former: str) -> None:
        self._slot(slot).come_back(True)
        if former and former != slot:
            self._slot(former).come_back(False)

    def _edge(self) -> Edge:
        return Edge(self.stack.ask_edge, self.stack.tell_edge)

    def _slot(self, name: str) -> Slot:
        return Slot(self.stack, name)
