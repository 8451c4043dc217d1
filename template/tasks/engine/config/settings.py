"""`invoke.yaml` as typed settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..core.errors import UsageFault, nearest
from .host import parse_host
from .process_types import ProcessType, process_types
from .sources import SourceSettings, parse_sources
from .values import count, fault, flag, matching, one_of, seconds

TARGETS = ("docker", "process", "kubernetes")
JOBS = ("none", "scheduled")
GUARDS = ("none", "rules")
PLUGINS = ("none", "wasm")
DATABASES = ("postgres", "mysql", "sqlite", "none")
REGISTRY = r"([a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)*)?"
PLATFORM = re.compile(r"(?P<os>[a-z0-9]+)/(?P<arch>[a-z0-9]+)(/(?P<level>v[0-9.]+))?")
OVERLAYS = "deploy/kubernetes/overlays"


@dataclass(frozen=True)
class GitOps:
    """Where a cluster finds what it should run: `path` is the overlay, in a branch that git can push to."""

    repository: str
    branch: str
    path: str


@dataclass(frozen=True)
class Environment:
    """One environment: `platform` is empty for the machine's own, `hosts` for the engine that docker itself uses.

    With several hosts the first is deployed to alone and watched for `soak_seconds`, then `parallel` others at a time.
    With a `registry` such as registry.example.com/team the image goes through it, else straight to the hosts.
    `secrets` are its sources of secrets; None stands for `secrets/<name>.age`, where that is there. With
    `host_identity` a host brings its secrets back by itself after a restart.
    For target kubernetes, `contexts` names clusters as kubectl does, and what is said of hosts is said of them; with
    `gitops` a deploy is a commit.
    """

    name: str
    target: str = "docker"
    platform: str = ""
    development: bool = False
    hosts: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    gitops: GitOps | None = None
    parallel: int = 1
    soak_seconds: float = 10
    registry: str = ""
    secrets: tuple[SourceSettings, ...] | None = None
    host_identity: bool = True


@dataclass(frozen=True)
class BackingService:
    """What a stack can have of its own: its name there, which the URL in `variable` leads to, and its port.

    `passwords` are the variables by which its official image takes one.
    """

    name: str
    variable: str
    port: int
    passwords: tuple[str, ...] = ()


SERVERS = {
    "postgres": BackingService("database", "DATABASE_URL", 5432, ("POSTGRES_PASSWORD",)),
    "mysql": BackingService("database", "DATABASE_URL", 3306, ("MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD")),
}
"""The databases of DATABASES that have a server."""
CACHES = {"redis": BackingService("cache", "REDIS_URL", 6379)}
BROKERS = {"kafka": BackingService("broker", "KAFKA_URL", 9092)}


@dataclass(frozen=True)
class Settings:
    """All of `invoke.yaml`; timeouts are in seconds, `webhook_file` holds the URL that hears of deploys.

    Without `bake_env` one image is for all environments that are not for development: the first of them builds and
    publishes it, the others take it.
    """

    service: str
    database: str
    environments: Mapping[str, Environment]
    cache: str = "none"
    events: str = "none"
    processes: tuple[ProcessType, ...] = ()
    jobs: str = "none"
    guard: str = "none"
    plugins: str = "none"
    healthy_timeout: float = 60
    drain_timeout: float = 30
    rto_seconds: float = 28
    webhook_file: str = ""
    bake_env: bool = True

    @property
    def programs(self) -> list[str]:
        """The programs of cmd/ that processes run, without the service's own."""
        named = dict.fromkeys(each.command[0] for each in self.processes)
        return [program for program in named if program != self.service]

    @property
    def server(self) -> BackingService | None:
        """The database's server; None where the database has none."""
        return SERVERS.get(self.database)

    @property
    def backing(self) -> list[BackingService]:
        """What the service uses beside it, which may be its stack's own, in the order in which it starts."""
        return [each for each in (self.server, CACHES.get(self.cache), BROKERS.get(self.events)) if each]

    def environment(self, name: str) -> Environment:
        """The environment called `name`; UsageFault with the nearest names where there is none."""
        if name not in self.environments:
            raise UsageFault(
                f'there is no environment "{name}"',
                where="invoke.yaml, environments",
                remedy=nearest(name, self.environments),
            )
        return self.environments[name]

    def bakes(self, environment: Environment) -> bool:
        """Whether an environment's binaries have it built in."""
        return self.bake_env or environment.development

    def takes_from(self, environment: Environment) -> str:
        """The environment whose image an environment takes; empty where it builds its own."""
        if self.bakes(environment):
            return ""
        first = next(each for each in self.environments.values() if not each.development)
        return "" if first == environment else first.name

    def publishes(self, environment: Environment) -> bool:
        """Whether other environments take the image of this one."""
        return not self.bakes(environment) and not self.takes_from(environment)


def read_settings(data: Mapping[str, Any]) -> Settings:
    """Settings from the mapping that Invoke made of `invoke.yaml`.

    Raises UsageFault that names the key, the value and what is expected.
    """
    for key in ("service", "environments"):
        if not data.get(key):
            raise UsageFault(f"{key} is missing", where="invoke.yaml", remedy="restore it from the repository")
    environments = data["environments"]
    if not isinstance(environments, Mapping):
        raise fault("environments", environments, "a mapping of names to settings")
    settings = Settings(
        service=matching("service", data["service"], r"[a-z]([a-z0-9-]*[a-z0-9])?", "a DNS label"),
        database=one_of("database", data.get("database", "none"), DATABASES),
        environments={str(name): _environment(str(name), value) for name, value in environments.items()},
        cache=one_of("cache", data.get("cache", "none"), (*CACHES, "none")),
        events=one_of("events", data.get("events", "none"), (*BROKERS, "none")),
        processes=process_types(data.get("processes") or {}),
        jobs=one_of("jobs", data.get("jobs", "none"), JOBS),
        guard=one_of("guard", data.get("guard", "none"), GUARDS),
        plugins=one_of("plugins", data.get("plugins", "none"), PLUGINS),
        healthy_timeout=seconds("healthy_timeout", data.get("healthy_timeout", 60)),
        drain_timeout=seconds("drain_timeout", data.get("drain_timeout", 30)),
        rto_seconds=seconds("rto_seconds", data.get("rto_seconds", 28)),
        webhook_file=matching("webhook_file", data.get("webhook_file") or "", r"[^\0]*", "a path"),
        bake_env=flag("bake_env", data.get("bake_env", True)),
    )
    for environment in settings.environments.values():
        _fit_for_promotion(settings, environment)
        _fit_for_jobs(settings, environment)
    return settings


def parse_platform(text: str) -> re.Match[str]:
    """The parts `os`, `arch` and `level` of a platform such as linux/amd64/v3; UsageFault if it is none."""
    match = PLATFORM.fullmatch(text)
    if match is None:
        raise UsageFault(f'"{text}" is not a platform', remedy="use os/arch or os/arch/level, as in linux/arm64")
    return match


def parse_seconds(name: str, text: str) -> float:
    """A number of seconds given on the command line; UsageFault that names the option where it is none."""
    return seconds(name, text)


def _environment(name: str, value: Any) -> Environment:
    place = f"environments.{name}"
    matching(place, name, r"[a-z]([a-z0-9-]*[a-z0-9])?", "a lower-case name of letters, digits and hyphens")
    if not isinstance(value, Mapping):
        raise fault(place, value, "a mapping such as {target: docker}")
    known = [field.name for field in fields(Environment) if field.name != "name"]
    for key in value:
        if key not in known:
            raise UsageFault(f"{place}.{key} is not a setting", where="invoke.yaml", remedy=nearest(str(key), known))
    platform = str(value.get("platform") or "")
    if platform:
        parse_platform(platform)
    return _fit_for_target(
        place,
        Environment(
            name=name,
            target=one_of(f"{place}.target", value.get("target", "docker"), TARGETS),
            platform=platform,
            development=flag(f"{place}.development", value.get("development", False)),
            hosts=_hosts(f"{place}.hosts", value.get("hosts") or []),
            contexts=_contexts(f"{place}.contexts", value.get("contexts") or []),
            gitops=_gitops(f"{place}.gitops", name, value["gitops"]) if value.get("gitops") else None,
            parallel=count(f"{place}.parallel", value.get("parallel", 1)),
            soak_seconds=seconds(f"{place}.soak_seconds", value.get("soak_seconds", 10)),
            registry=matching(
                f"{place}.registry", value.get("registry", ""), REGISTRY, "a registry with a path and no scheme"
            ),
            secrets=parse_sources(f"{place}.secrets", value.get("secrets")),
            host_identity=flag(f"{place}.host_identity", value.get("host_identity", True)),
        ),
    )


def _fit_for_target(place: str, environment: Environment) -> Environment:
    """Refuse what the target needs and has not, and what is another target's."""
    on_kubernetes = environment.target == "kubernetes"
    if on_kubernetes and not environment.contexts and not environment.gitops:
        remedy = (
            "name the clusters as kubectl config get-contexts does, as in contexts: [staging]: none is chosen by itself"
        )
        raise UsageFault(f"{place}.contexts is missing", where="invoke.yaml", remedy=remedy)
    if on_kubernetes and not environment.registry:
        remedy = "name the one that the clusters pull from, as in registry: registry.example.com/team"
        raise UsageFault(f"{place}.registry is missing", where="invoke.yaml", remedy=remedy)
    for setting in ("contexts", "gitops"):
        if getattr(environment, setting) and not on_kubernetes:
            remedy = "leave it away, or set target: kubernetes"
            raise UsageFault(f"{place}.{setting} is for kubernetes", where="invoke.yaml", remedy=remedy)
    if environment.hosts and environment.target != "docker":
        remedy = "leave it away, or set target: docker"
        raise UsageFault(f"{place}.hosts is for docker", where="invoke.yaml", remedy=remedy)
    return environment


def _fit_for_promotion(settings: Settings, environment: Environment) -> None:
    """Refuse what one image cannot be for, where the environments are to share it."""
    if settings.bakes(environment):
        return
    publisher, place = settings.takes_from(environment) or environment.name, f"environments.{environment.name}"
    remedy = f"bake_env: false has {publisher} publish the image that the others take: "
    if environment.target == "process":
        what = f"{place}.target is process, which runs no image"
        raise UsageFault(what, where="invoke.yaml", remedy=f"{remedy}choose another target")
    if not environment.registry:
        remedy += "name the registry that it goes through, as in registry: registry.example.com/team"
        raise UsageFault(f"{place}.registry is missing", where="invoke.yaml", remedy=remedy)
    for setting in ("registry", "platform"):
        ours, theirs = getattr(environment, setting), getattr(settings.environments[publisher], setting)
        if ours != theirs:
            what = f'{place}.{setting} is "{ours}", and that of {publisher} is "{theirs}"'
            raise UsageFault(what, where="invoke.yaml", remedy=f"{remedy}give both the same {setting}")


def _fit_for_jobs(settings: Settings, environment: Environment) -> None:
    """Refuse jobs that nothing would wait for: but for Kubernetes, the service does it itself."""
    job = next((each.name for each in settings.processes if each.schedule), "")
    if job and environment.target != "kubernetes" and settings.jobs == "none":
        what = f"processes.{job}.schedule: this service was made without jobs, and {environment.name} has no CronJobs"
        remedy = "./inv template.update --set jobs=scheduled brings what is missing"
        raise UsageFault(what, where="invoke.yaml", remedy=remedy)


def _contexts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise fault(key, value, "a list of kubectl's contexts, such as [staging]")
    if len(set(value)) < len(value):
        raise fault(key, value, "a list of different contexts")
    return tuple(value)


def _gitops(key: str, env: str, value: Any) -> GitOps:
    expected = "a mapping such as {repository: git@example.com:team/clusters.git, branch: main}"
    if not isinstance(value, Mapping) or not value.get("repository"):
        raise fault(key, value, expected)
    known = [field.name for field in fields(GitOps)]
    for name in value:
        if name not in known:
            raise UsageFault(f"{key}.{name} is not a setting", where="invoke.yaml", remedy=nearest(str(name), known))
    return GitOps(
        # Without a beginning that git could take for an option.
        matching(f"{key}.repository", value["repository"], r"[^-\s]\S*", "a URL or a path that git can push to"),
        matching(f"{key}.branch", value.get("branch", "main"), r"[A-Za-z0-9_][A-Za-z0-9_./-]*", "a branch"),
        matching(
            f"{key}.path", value.get("path", f"{OVERLAYS}/{env}"), r"(?!(.*/)?\.\.(/|$))[^/.-][^:]*", "a folder in it"
        ),
    )


def _hosts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(host, str) for host in value):
        raise fault(key, value, "a list such as [ssh://deploy@one.example.com, ssh://deploy@two.example.com]")
    for host in value:
        parse_host(host)
    if len(set(value)) < len(value):
        raise fault(key, value, "a list of different hosts")
    return tuple(value)
