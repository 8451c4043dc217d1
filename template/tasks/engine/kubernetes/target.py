"""The kubernetes target: a Deployment that is rolled from release to release, in one namespace of one cluster.

A slot is what the pods of one release are called, in turn: while a release takes over from the other, both are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from ..config.configuration import Configuration
from ..config.settings import Settings
from ..core.errors import DeployFault, UsageFault
from ..core.network import parse_json
from ..core.runner import Runner
from ..core.slots import SLOTS
from ..deploy.image_builds import ImageBuilds
from ..deploy.lock import LOOK, Lease
from ..deploy.maintenance import BEHIND, is_page
from ..deploy.releases import Release, ReleaseStore, good
from ..deploy.target import ProcessState, SlotState, live_of
from .cluster import Cluster, Object
from .images import ImagePush
from .lock import cluster_lock
from .maintenance import MAINTENANCE, leading_to, own_service
from .manifests import (
    COMPONENT,
    RELEASE,
    SERVER,
    SERVICE,
    SLOT,
    Manifests,
    handed_over,
    in_slot,
    name_of,
    of_release,
    refuse_trials,
    render,
    secret_object,
)
from .migration import migrate
from .operations import KubernetesOperations
from .releases import ClusterReleases, KeptReleases
from .rollout import ready
from .slot_processes import process_of, remove, require_processes, running, states, take_over
from .wait import RolloutWait, deployment_wait, wait_for


class KubernetesTarget(KubernetesOperations, ImageBuilds):
    """One environment in one cluster. Making it renders the manifests."""

    name = "kubernetes"
    _images: ImagePush

    def __init__(self, runner: Runner, settings: Settings, configuration: Configuration, context: str) -> None:
        self.runner = runner
        self.settings = settings
        self.service = settings.service
        self.configure(configuration)
        self.environment_name = configuration.environment.name
        self.host = context if len(configuration.environment.contexts) > 1 else ""
        self.cluster = Cluster(runner, context, self.manifests.namespace)
        self.url = self.probe_url = f"http://{self.service}.{self.cluster.namespace}.svc"
        labels = {SERVICE: self.service}
        self.releases: ReleaseStore = ClusterReleases(self.cluster, f"{self.service}-history", labels)
        self.kept = KeptReleases(self.cluster, self.service, labels)
        self.pods = {SERVICE: self.service, COMPONENT: SERVER}
        self._wait: RolloutWait | None = None

    def configure(self, configuration: Configuration) -> None:
        """What is built and kept from now on has these values."""
        self.configuration = configuration
        self.manifests = render(
            self.runner, self.service, configuration.environment.name, handed_over(configuration, self.service)
        )
        self._images = ImagePush(self.runner, self.settings, configuration)

    def ask(self, path: str) -> tuple[int, Any]:
        """Ask the Service, by way of the API server; where it leads to the page, a pod that is ready behind it."""
        answer = self.cluster.ask_service(self.service, path)
        if path in BEHIND and is_page(answer):
            return next((self.cluster.ask_pod(pod, path) for pod in self._ready_pods()), answer)
        return answer

    # --- Before anything changes ---------------------------------------------------------------

    def lock(
        self, command: str, wait: float, note: Callable[[str], None], borrow: bool = False
    ) -> AbstractContextManager[Lease]:
        """A Lease in the namespace: it holds for everybody who deploys to it."""
        return cluster_lock(
            self.cluster, f"{self.service}-deploy", {SERVICE: self.service}, command, wait, note, borrow
        )

    def check(self) -> str:
        """The cluster answers, knows the namespace, and would take the manifests as they are."""
        self.require_admission()
        version = parse_json(self.cluster.do("version", "--output=json").encode())["serverVersion"]["gitVersion"]
        return f"Kubernetes {version}, namespace {self.cluster.namespace}"

    def require_admission(self) -> None:
        """Have the API server, and whatever admits objects there, look at the manifests without making anything."""
        if self.environment_name == "prod":
            refuse_trials(self.manifests)
        require_processes(self.manifests, self.settings.processes)
        drafts = of_release(self.manifests, "draft", f"{self.service}:draft")
        migration = [drafts.migration] if drafts.migration else []
        objects = [drafts.config, drafts.deployment, *migration, *drafts.processes, *drafts.others]
        refused = [line for line in self.cluster.apply(objects, "--dry-run=server") if "would violate" in line]
        if refused:
            remedy = "mend the manifests in deploy/kubernetes that it names"
            raise UsageFault("the cluster would not admit the pods", where=self.name, details=refused, remedy=remedy)

    def fingerprint(self) -> str:
        """A hash of values, secrets' contents and manifests."""
        return f"{self.manifests.fingerprint()}{self.configuration.fingerprint()[:16]}"

    # --- State ---------------------------------------------------------------------------------

    def slots(self) -> list[SlotState]:
        """Both slots: the pods of each."""
        pods = [pod for pod in self.cluster.all_of("pods", self.pods) if not pod["metadata"].get("deletionTimestamp")]
        return [
            _slot_state(slot, [pod for pod in pods if pod["metadata"]["labels"].get(SLOT) == slot]) for slot in SLOTS
        ]

    def processes(self) -> list[ProcessState]:
        """Those of the releases whose pods there are, by their Deployments."""
        found = running(self.cluster, self.service)
        in_slots = [(state.slot, state.release) for state in self.slots() if state.release] if found else []
        return [each for at in in_slots for each in states(self.cluster, at, self.kept.processes(at[1]), found)]

    def live_slot(self) -> str:
        """The slot whose pods are ready, of the release that was recorded last."""
        return live_of(self.slots(), {each.release.id: each.at for each in good(self.releases.read())})

    # --- The steps of a deploy -----------------------------------------------------------------

    def ship(self, release: Release, progress: Callable[[str], None]) -> str:
        """The cluster's nodes pull from the registry."""
        return f"from {self.configuration.environment.registry}"

    def keep(self, release: Release) -> None:
        """Keep the release's manifests, values and secrets in the cluster."""
        if not self.runner.dry:
            secrets = secret_object(self.service, self.configuration.secret_values(), release.id)
            self.kept.keep(release.id, self._manifests_of(release), secrets)

    def missing(self, release: Release) -> str:
        """A release needs its manifests."""
        return "" if self.kept.deployment(release.id) else "its Deployment is not kept in the cluster any more"

    def secret_changed(self, release: Release, name: str) -> bool:
        """Compare with the Secret that the release has."""
        return self.kept.secret_value(release.id, name) != self.configuration.secret_values()[name]

    def forget_all_but(self, releases: Sequence[Release]) -> None:
        """Remove what all other releases have kept."""
        self.kept.forget_all_but({release.id for release in releases})

    def bring_up(self) -> None:
        """Apply what the pods need beside their Deployment."""
        self.runner.act("apply what the release needs", self._bring_up)

    def migrate(self, release: Release, slot: str) -> str:
        """Run the migrations of the new image as a Job."""
        job = self._manifests_of(release).migration
        if job is None:
            return "no database"
        said: list[str] = []
        self.runner.act("run the migrations as a job", lambda: said.append(migrate(self.cluster, job)))
        return "".join(said)

    def start(self, release: Release, slot: str) -> None:
        """Roll the Deployment to the release: new pods come one by one, and get requests when they are ready."""
        self.runner.act(f"roll {self.service} to {release.id}", lambda: self._roll(self._kept(release), slot))

    def take_over(self, release: Release, slot: str, timeout: float) -> str:
        """Roll the Deployments of the release's processes; each says itself whether its former pods end first."""
        kept = self.kept.processes(release.id)
        roll = partial(take_over, self.cluster, self.service, kept, slot, timeout)
        self.runner.act(f"run the processes of {release.id}", roll)
        return ", ".join(map(process_of, kept))

    def interrupt(self) -> None:
        """Ends the watch, and with it the wait."""
        if self._wait:
            self._wait.close()

    def wait_healthy(self, slot: str, timeout: float) -> str:
        """Wait for what the cluster tells of the pods; the first certain cause ends the wait."""
        if self.runner.dry or self._wait is None:
            return ""
        return f"{self._wait.until_done(timeout)} pods"

    def slot_version(self, slot: str) -> tuple[int, Any]:
        """Ask a pod of the slot, by way of the API server."""
        pods = self._ready_pods({SLOT: slot})
        if not pods:
            raise DeployFault("no pod of the release is ready", where=slot)
        return self.cluster.ask_pod(pods[0], "/version")

    def admit(self, slot: str, former: str) -> None:
        """Requests go to what is ready: where the Deployment was left half-way, it goes back to the slot's release."""
        if self.runner.dry:
            return
        state = next(state for state in self.slots() if state.slot == slot)
        deployment = self.cluster.get("deployment", self.service)
        if deployment and deployment["spec"]["template"]["metadata"]["labels"].get(RELEASE) != state.release:
            kept = self.kept.deployment(state.release)
            if kept:
                self._roll(kept, slot)

    def settle(self, slot: str, former: str) -> None:
        """The cluster brings back whatever the Deployment says."""

    def ailment(self, slot: str) -> list[str]:
        """A pod of the slot's release has ended since all were available, or none is ready."""
        return self._watched().ailment()

    def drain(self, slot: str, timeout: float) -> str:
        """Wait until the pods of the slot have ended, which they do once their last request is answered."""
        gone = self.runner.dry or self._watched().until_gone({SLOT: slot}, timeout)
        return f"the pods of {slot} {'have ended' if gone else 'are still there'}"

    def retire(self, slot: str) -> None:
        """Nothing is left to stop: what the release is started from is kept."""

    def withdraw(self, slot: str, former: str) -> None:
        """Roll back to the release of the former slot, in a time of its own; without one, nothing is left running."""
        self.interrupt()
        beside = running(self.cluster, self.service)
        if not former:
            self.cluster.delete("deployment", self.service)
            remove(self.cluster, beside)
            return
        release = self._former_release(slot, former)
        deployment = self.kept.deployment(release)
        if deployment is None:
            raise DeployFault("the former release is not kept", where=former, remedy=LOOK)
        self._roll(deployment, former)
        self.wait_healthy(former, self.settings.healthy_timeout)
        if beside:
            kept = self.kept.processes(release)
            take_over(self.cluster, self.service, kept, former, self.settings.healthy_timeout)

    # --- Pieces --------------------------------------------------------------------------------

    def _bring_up(self) -> None:
        databases, others = self.manifests.databases, list(self.manifests.others)
        closed = self.in_maintenance()
        if closed:
            own = own_service(others, self.service)
            others[others.index(own)] = leading_to(own, MAINTENANCE)
        named = [secret_object(self.service, self.configuration.secret_values())] if databases else []
        self.cluster.apply([*named, *others])
        if closed:
            self.show_page()
        for each in databases:
            wait_for(self.cluster, each, each["spec"]["selector"]["matchLabels"], self.settings.healthy_timeout)

    def _ready_pods(self, labels: Mapping[str, str] | None = None) -> list[str]:
        """The names of the pods that get requests."""
        return [name_of(pod) for pod in self.cluster.all_of("pods", {**self.pods, **(labels or {})}) if ready(pod)]

    def _manifests_of(self, release: Release) -> Manifests:
        return of_release(self.manifests, release.id, self._images.name(release.artefact))

    def _kept(self, release: Release) -> Object:
        found = self.kept.deployment(release.id)
        if found is None:
            raise DeployFault(f"release {release.id} is not kept: {self.missing(release)}", remedy=LOOK)
        return found

    def _roll(self, kept: Object, slot: str) -> None:
        first = self.cluster.get("deployment", self.service) is None
        self.cluster.apply([in_slot(kept, slot)])
        if first and self.manifests.fewest > 1:
            # The autoscaler would do it, a while later.
            self.cluster.do("scale", "deployment", self.service, f"--replicas={self.manifests.fewest}")
        self.interrupt()
        self._wait = deployment_wait(self.cluster, kept)

    def _watched(self) -> RolloutWait:
        """The watches of what was rolled; of what runs, where that was by somebody else."""
        if self._wait is None:
            deployment = self.cluster.get("deployment", self.service)
            if deployment is None:
                raise DeployFault("there is no Deployment", where=self.service, remedy=LOOK)
            self._wait = deployment_wait(self.cluster, deployment)
        return self._wait

    def _former_release(self, slot: str, former: str) -> str:
        """The release of a slot; where its pods have ended, the last good one that is not in the other slot."""
        in_slots = {state.slot: state.release for state in self.slots()}
        recorded = [each.release.id for each in good(self.releases.read()) if each.release.id != in_slots[slot]]
        return in_slots[former] or next(iter(recorded), "")


def _slot_state(slot: str, pods: Sequence[Object]) -> SlotState:
    if not pods:
        return SlotState(slot, "empty")
    well = sum(ready(pod) for pod in pods)
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    health = "healthy" if well == len(pods) else f"{well} of {len(pods)} ready"
    return SlotState(slot, "running", health, "UP" if well else "DOWN", 0, newest["metadata"]["labels"][RELEASE])
