"""The targets of an environment: one for this machine, or one for each of its hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config.configuration import Configuration
from .config.host import parse_host
from .config.settings import Settings
from .core.errors import MissingFault, UsageFault, nearest
from .core.network import fetch_json, in_url
from .core.paths import state_home
from .core.runner import Runner
from .deploy.lock import Lease
from .deploy.target import Target
from .docker.compose import ComposeProject
from .docker.hosts import connect_all
from .docker.place import Place

if TYPE_CHECKING:
    from .docker.engine import Engine


def make_targets(runner: Runner, settings: Settings, configuration: Configuration, only: str = "") -> list[Target]:
    """The targets of `configuration`'s environment in the order of its hosts, or the one of the host `only`.

    Raises MissingFault where a host cannot be reached, and UsageFault where the environment has no such host.
    """
    environment = configuration.environment
    state = state_home() / f"{settings.service}-{environment.name}"
    if environment.target == "process":
        from .process.target import ProcessTarget

        _choose([], only)
        return [ProcessTarget(runner, settings, configuration, state)]
    if environment.target == "kubernetes":
        return _in_clusters(runner, settings, configuration, only)
    from .docker.endpoint import default_endpoint

    if environment.hosts:
        return _on_hosts(runner, settings, configuration, state, _choose(list(environment.hosts), only))
    _choose([], only)
    endpoint = default_endpoint()
    if endpoint.host.startswith("ssh://"):
        return _on_hosts(runner, settings, configuration, state, [endpoint.host])
    return [_at(runner, ComposeProject(runner.root, state, settings, configuration, endpoint))]


@contextmanager
def locked(
    targets: Sequence[Target], command: str, wait: float, note: Callable[[str], None], borrow: bool = False
) -> Iterator[list[Lease]]:
    """Hold the environment's lock on all hosts, in their order, so that two deploys never wait for each other.

    Each is waited for at most `wait` seconds; LockedFault names the holder. With `borrow`, a
    hook's task makes do with the locks of the deploy that runs it.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(target.lock(command, wait, note, borrow)) for target in targets]


def default_engine(configuration: Configuration) -> Engine:
    """The engine that the docker command uses, through ssh where it is reached so; MissingFault where none answers."""
    from .docker.endpoint import default_endpoint
    from .docker.engine import Engine

    endpoint = default_endpoint()
    if endpoint.host.startswith("ssh://"):
        endpoint = connect_all([parse_host(endpoint.host)], int(configuration["EDGE_PORT"]))[0].endpoint
    return Engine(endpoint).connected()


def described(targets: Sequence[Target]) -> str:
    """The target for a title: docker, or docker on one, two."""
    hosts = ", ".join(target.host for target in targets if target.host)
    return f"{targets[0].name} on {hosts}" if hosts else targets[0].name


def front_doors(
    runner: Runner, settings: Settings, configuration: Configuration
) -> list[tuple[str, str, Callable[[str], tuple[int, Any]]]]:
    """Host, URL and a way to ask each front door; on this machine no engine has to answer."""
    environment = configuration.environment
    address = "localhost"
    if environment.target == "docker" and not environment.hosts:
        from .docker.endpoint import default_endpoint

        endpoint = default_endpoint()
        address = "" if endpoint.host.startswith("ssh://") else endpoint.address
    if environment.hosts or environment.target == "kubernetes" or not address:
        return [(target.host, target.url, target.ask) for target in make_targets(runner, settings, configuration)]
    url = f"http://{address}:{configuration['EDGE_PORT']}"
    return [("", url, lambda path: fetch_json(url + path))]


def make_target(runner: Runner, settings: Settings, configuration: Configuration, host: str = "") -> Target:
    """The target of one host, by default the first."""
    hosts = configuration.environment.hosts
    first = parse_host(hosts[0]).name if hosts else ""
    return make_targets(runner, settings, configuration, host or first)[0]


def _in_clusters(runner: Runner, settings: Settings, configuration: Configuration, only: str) -> list[Target]:
    """The clusters of an environment, each by a context of kubectl that invoke.yaml names."""
    try:
        from .kubernetes.target import KubernetesTarget
    except ModuleNotFoundError as error:
        raise made_without_kubernetes() from error
    contexts = configuration.environment.contexts
    if not contexts:
        remedy = "name the cluster in contexts as well, as kubectl config get-contexts does"
        raise UsageFault("no cluster is named to look at", where="invoke.yaml", remedy=remedy)
    if only and only not in contexts:
        raise UsageFault(f'there is no context "{only}"', where="invoke.yaml, contexts", remedy=nearest(only, contexts))
    wanted = [only] if only else contexts
    return [KubernetesTarget(runner, settings, configuration, context) for context in wanted]


def made_without_kubernetes() -> UsageFault:
    """What an environment wants that the service has no code for."""
    what = "this service was made without Kubernetes"
    remedy = "./inv template.update --set kubernetes=true brings what is missing"
    return UsageFault(what, where="invoke.yaml, target", remedy=remedy)


def _at(runner: Runner, project: ComposeProject) -> Target:
    """The engine that the docker command uses: this machine's, or another that answers without ssh."""
    from .docker.target import DockerTarget

    port = int(project.configuration["EDGE_PORT"])
    url = f"http://{project.endpoint.address}:{port}"
    return DockerTarget(runner, project, Place(port, url, url, here=project.endpoint.local))


def _on_hosts(
    runner: Runner, settings: Settings, configuration: Configuration, state: Path, hosts: list[str]
) -> list[Target]:
    from .docker.engine import Engine
    from .docker.target import DockerTarget

    port = int(configuration["EDGE_PORT"])
    parsed = [parse_host(host) for host in hosts]
    made: list[Target] = []
    builder = _builder()
    for host, connection in zip(parsed, connect_all(parsed, port), strict=True):
        project = ComposeProject(runner.root, state / host.name, settings, configuration, connection.endpoint)
        url, probe_url = f"http://{in_url(connection.address)}:{port}", f"http://127.0.0.1:{connection.door}"
        place = Place(port, url, probe_url, host.name, here=False)
        builder = builder or Engine(connection.endpoint)
        made.append(DockerTarget(runner, project, place, builder))
    return made


def _builder() -> Engine | None:
    """The engine that the docker command uses, where one answers without ssh."""
    from .docker.endpoint import default_endpoint
    from .docker.engine import Engine

    try:
        endpoint = default_endpoint()
        return None if endpoint.host.startswith("ssh://") else Engine(endpoint).connected()
    except MissingFault:
        return None


def _choose(hosts: list[str], only: str) -> list[str]:
    if not only:
        return hosts
    names = {parse_host(host).name: host for host in hosts}
    if only not in names:
        remedy = nearest(only, names) if names else "leave --host away: the environment names no hosts"
        raise UsageFault(f'there is no host "{only}"', where="invoke.yaml, hosts", remedy=remedy)
    return [names[only]]
