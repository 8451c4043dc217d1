"""What the kubernetes target can do beside a deploy: look into what runs, take it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from ..config.configuration import Configuration
from ..config.settings import Settings
from ..core.errors import DeployFault, UsageFault
from ..core.runner import Runner
from ..deploy.overrides import PLUGINS, Change
from ..deploy.releases import good
from ..deploy.target import Target
from . import maintenance
from .cluster import Cluster, Object, as_list, environment, service_of
from .manifests import COMPONENT, FOLDER, SERVER, SERVICE, Manifests, name_of
from .releases import KeptReleases
from .rollout import ready
from .slot_processes import remove, running

DATA = "persistentvolumeclaims,configmaps,secrets,leases.coordination.k8s.io"
"""The kinds of what holds data, values and records."""
HOLDS_DATA = ("PersistentVolumeClaim", "ConfigMap", "Secret")
GRACE = 90
"""Seconds for all pods to end: the database's has the longest grace, a minute."""


class KubernetesOperations(Target):
    """A part of the kubernetes target."""

    runner: Runner
    service: str
    settings: Settings
    cluster: Cluster
    configuration: Configuration
    manifests: Manifests
    kept: KeptReleases
    pods: Mapping[str, str]

    def needs_password(self) -> bool:
        """A database of the environment's own is about to be made."""
        return any(self.cluster.get("statefulset", name_of(each)) is None for each in self.manifests.databases)

    def renew_edge(self) -> None:
        """The way in is the cluster's own."""
        raise UsageFault("there is no front door to renew", where=self.name, remedy="leave --edge away")

    def edge_outdated(self) -> bool:
        """There is none."""
        return False

    def left_behind(self) -> list[str]:
        """Kustomize knows no services beside those of the overlay."""
        return []

    def door_runs(self) -> bool:
        """There is a Service; UsageFault where a repository says where it leads."""
        if self.configuration.environment.gitops:
            what = f"{self.configuration.environment.name} is deployed by commits"
            raise UsageFault(what, where="invoke.yaml, gitops", remedy="the next sync would end maintenance")
        return self.cluster.get("service", self.service) is not None

    def in_maintenance(self) -> bool:
        """The Service leads to the page."""
        return maintenance.is_on(self.cluster.get("service", self.service))

    def set_maintenance(self, on: bool) -> None:
        """Let the Service lead to the page, or to the service again."""
        service = maintenance.own_service(self.manifests.others, self.service)
        if on:
            self.show_page()
            maintenance.lead(self.cluster, service, maintenance.MAINTENANCE)
            maintenance.end_connections(self.cluster, self.pods, GRACE)
        else:
            maintenance.lead(self.cluster, service, SERVER)
            maintenance.forget_page(self.cluster, self.service)

    def show_page(self) -> None:
        """Have pods with the page, of the image of what was deployed last."""
        found = (self.kept.deployment(each.release.id) for each in good(self.releases.read()))
        deployment = next((each for each in found if each), None)
        if deployment is None:
            raise DeployFault("no release is kept whose image could show the page", where=self.cluster.namespace)
        page = (self.runner.root / maintenance.PAGE).read_text(encoding="utf-8")
        objects = maintenance.page_objects(deployment, page)
        maintenance.show_page(self.cluster, objects, self.settings.healthy_timeout)

    def show_logs(self, service: str, lines: str, follow: bool) -> int:
        """The pods' logs, each line with its pod."""
        names = [service] if service else [SERVER, *(each.name for each in self.settings.processes)]
        selector = f"{SERVICE}={self.service},{COMPONENT} in ({','.join(names)})"
        words = ["logs", f"--selector={selector}", f"--tail={lines}", "--prefix", "--max-log-requests=50"]
        return self.runner.stream(self.cluster.argv(*words, *(["--follow"] if follow else [])), environment())

    def apply_override(self, change: Change) -> str:
        """They belong to whoever has the manifests."""
        if change.override == PLUGINS:
            what = "in a cluster plugins are those of the image"
            remedy = f"deploy them, or mount a volume with them and name its folder by {PLUGINS.variable}"
        else:
            what = f"in a cluster the rules are those of the ConfigMap {self.service}-rules"
            remedy = f"kubectl create configmap {self.service}-rules --from-file=… --dry-run=client | kubectl apply"
        raise UsageFault(what, where=self.name, remedy=remedy)

    def execute(self, service: str, command: Sequence[str]) -> int:
        """Run a command in a pod that is ready, of the service or of a process beside it."""
        pod = self._ready_pod({SERVICE: self.service, COMPONENT: service} if service else self.pods)
        argv = self.cluster.argv("exec", name_of(pod), "--container=app", "--", *command)
        return self.runner.stream(argv, environment())

    def pid_here(self) -> int:
        """Pods run on nodes, which are watched by what runs there."""
        remedy = "an agent on the nodes observes pods, such as OpenTelemetry's eBPF instrumentation"
        raise UsageFault("observe looks into processes of this machine", where=self.name, remedy=remedy)

    def reached_from_here(self, values: Mapping[str, str]) -> dict[str, str]:
        """It is in the cluster."""
        raise UsageFault(
            "this database is not reached from here", where=self.name, remedy="use an environment of docker"
        )

    def front_door(self) -> AbstractContextManager[str]:
        """The Service, by way of the API server."""
        return self.cluster.reached(service_of(self.service))

    def victim(self, drill: str, process: str) -> str:
        """A pod that serves, that of a process or of the database, or the Deployment."""
        if drill == "redeploy":
            return f"deployment/{self.service}"
        if drill == "restart-database":
            return self._database_pod()
        if drill == "kill":
            labels = {SERVICE: self.service, COMPONENT: process} if process else self.pods
            return f"pod/{name_of(self._ready_pod(labels))}"
        what = f"drill.{drill} needs the docker target: nothing from outside of a node freezes what runs in a pod"
        remedy = "drill.kill, drill.restart-database and drill.redeploy work in a cluster"
        raise UsageFault(what, where="invoke.yaml", remedy=remedy)

    @contextmanager
    def fault(self, drill: str, process: str) -> Iterator[Callable[[float], None]]:
        """Delete a pod, which the cluster replaces: one of the service without the grace that it has otherwise."""
        victim = self.victim(drill, process)
        grace = ["--grace-period=0", "--force"] if drill == "kill" else []

        def inject(seconds: float) -> None:
            self.cluster.do("delete", victim, "--wait=false", *grace)

        yield inject

    def take_down(self, data: bool) -> None:
        """Remove everything that runs; with `data`, what is kept as well."""
        self.runner.act(f"remove {self.service} from {self.cluster.namespace}", lambda: self._take_down(data))

    def _take_down(self, data: bool) -> None:
        remove(self.cluster, running(self.cluster, self.service))
        own = [self.manifests.deployment, *self.manifests.others]
        if self.in_maintenance() and not data:
            own.remove(maintenance.own_service(own, self.service))
        maintenance.forget_page(self.cluster, self.service)
        listed = as_list([each for each in own if each["kind"] not in HOLDS_DATA])
        self.cluster.do("delete", "--filename=-", "--ignore-not-found", "--wait=false", feed=listed)
        for service in (self.service, f"{self.service}-database"):
            selected = f"--selector={SERVICE}={service}"
            for kinds in ("jobs", DATA) if data else ("jobs",):
                self.cluster.do("delete", kinds, selected, "--ignore-not-found", "--wait=false")
            self.cluster.run("wait", "--for=delete", "pods", selected, f"--timeout={GRACE}s")

    def _ready_pod(self, labels: Mapping[str, str]) -> Object:
        pod = next((each for each in self.cluster.all_of("pods", labels) if ready(each)), None)
        if pod is None:
            raise DeployFault("no pod is ready", where=self.cluster.namespace, remedy="look at status")
        return pod

    def _database_pod(self) -> str:
        if not self.manifests.databases:
            remedy = "drill.kill shows how a restart is survived"
            raise UsageFault("the overlay has no database of its own", where=str(FOLDER), remedy=remedy)
        return f"pod/{name_of(self.manifests.databases[0])}-0"
