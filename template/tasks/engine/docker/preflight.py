"""What is looked at before a deploy to an engine changes anything: each check names what would fail later."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ..config.configuration import GENERATED
from ..core.disk import FREE_SPACE
from ..core.errors import MissingFault, UsageFault
from ..core.network import require_free_port
from .compose import ComposeProject
from .place import Place
from .stack import RENEW_EDGE, Stack

MINIMUM_COMPOSE = (2, 20)
"""The release of Compose that knows start_interval."""
FREE_BYTES = 512 * 1024 * 1024
"""What the engine's disk must have free: an image with its build cache, and room to live."""


def check_stack(stack: Stack, place: Place) -> str:
    """Refuse what would fail later with MissingFault or UsageFault; gives the releases of engine and Compose."""
    compose = _check_compose(stack)
    _check_shared(stack.project)
    _check_port(stack, place)
    _check_disk(stack, place)
    _check_password(stack, stack.project)
    return f"engine {stack.engine.version()}, compose {compose}"


def _check_compose(stack: Stack) -> str:
    compose = stack.runner.read(["docker", "compose", "version", "--short"]).stdout.strip()
    found = re.match(r"v?(\d+)\.(\d+)", compose)
    if not found or (int(found[1]), int(found[2])) < MINIMUM_COMPOSE:
        wanted = ".".join(map(str, MINIMUM_COMPOSE))
        raise MissingFault(
            f"Docker Compose {wanted} or newer is needed, found {compose or 'none'}",
            remedy="install the docker-compose-plugin package",
        )
    return compose


def _check_shared(project: ComposeProject) -> None:
    hosts = len(project.configuration.environment.hosts)
    own = [(each.name, each.variable) for each in project.own]
    if project.settings.database == "sqlite":
        own.append(("database", "DATABASE_URL"))
    for name, variable in own if hosts > 1 else []:
        raise UsageFault(
            f"each of the {hosts} hosts would have a {name} of its own",
            where=variable,
            remedy=f"set it to a {name} server that all hosts reach",
        )


def _check_port(stack: Stack, place: Place) -> None:
    edge, port = stack.find("edge"), place.port
    if edge is None or edge.status != "running":
        if place.here:
            require_free_port("", port, "EDGE_PORT")
        return
    bindings = edge.attrs["NetworkSettings"]["Ports"].get("8080/tcp") or [{}]
    published = bindings[0].get("HostPort", "")
    if published != str(port):
        raise UsageFault(
            f"EDGE_PORT is {port}, and the front door that runs listens to {published or 'no port'}",
            where=stack.name,
            remedy=RENEW_EDGE,
        )


def _check_disk(stack: Stack, place: Place) -> None:
    folder = Path(str(stack.engine.client.info()["DockerRootDir"]))
    if (free := _free_bytes(folder) if place.here else _free_bytes_there(stack)) < FREE_BYTES:
        raise MissingFault(
            f"the engine's disk has {free // 2**20} MB left, and a deploy needs {FREE_BYTES // 2**20} MB",
            where=str(folder),
            remedy=FREE_SPACE,
        )


def _free_bytes(folder: Path) -> int:
    """What is free on this machine; where the engine runs in a machine of its own, nothing is known."""
    return shutil.disk_usage(folder).free if folder.exists() else FREE_BYTES


def _free_bytes_there(stack: Stack) -> int:
    """What is free on the disk of an engine elsewhere, as the edge sees it; without an edge nothing is known."""
    edge = stack.find("edge")
    if edge is None or edge.status != "running":
        return FREE_BYTES
    lines = stack.engine.execute(edge, ["df", "-P", "-k", "/"]).splitlines()
    return int(lines[-1].split()[3]) * 1024


def _check_password(stack: Stack, project: ComposeProject) -> None:
    if not project.settings.server or project.configuration.has(GENERATED):
        return
    if stack.engine.volume_exists(f"{project.name}_database"):
        local = f".env.{project.configuration.environment.name}.local"
        raise UsageFault(
            f"{GENERATED} is missing, and the environment's database was made with one",
            where=local,
            remedy=f"put it back into {local}, or start afresh with down --volumes",
        )
