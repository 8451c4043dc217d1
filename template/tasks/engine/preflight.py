"""What is looked at before a deploy to an engine changes anything: each check names what would fail later."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .compose import ComposeProject
from .configuration import GENERATED
from .errors import MissingFault, UsageFault
from .stack import Stack
from .target import require_free_port

MINIMUM_COMPOSE = (2, 20)
"""The release of Compose that knows start_interval."""
FREE_BYTES = 512 * 1024 * 1024
"""What the engine's disk must have free: an image with its build cache, and room to live."""


def check_stack(stack: Stack, port: int) -> str:
    """Refuse what would fail later with MissingFault or UsageFault; gives the releases of engine and Compose."""
    compose = _check_compose(stack)
    stack.engine.require_local()
    _check_port(stack, port)
    _check_disk(stack)
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


def _check_port(stack: Stack, port: int) -> None:
    edge = stack.find("edge")
    if edge is None or edge.status != "running":
        require_free_port("", port, "EDGE_PORT")
        return
    bindings = edge.attrs["NetworkSettings"]["Ports"].get("8080/tcp") or [{}]
    published = bindings[0].get("HostPort", "")
    if published != str(port):
        raise UsageFault(
            f"EDGE_PORT is {port}, and the front door that runs listens to {published or 'no port'}",
            where=stack.name,
            remedy="deploy --edge makes the front door anew, which breaks connections for a moment",
        )


def _check_disk(stack: Stack) -> None:
    folder = Path(str(stack.engine.client.info()["DockerRootDir"]))
    if folder.exists() and (free := shutil.disk_usage(folder).free) < FREE_BYTES:
        raise MissingFault(
            f"the engine's disk has {free // 2**20} MB left, and a deploy needs {FREE_BYTES // 2**20} MB",
            where=str(folder),
            remedy="free some with docker system prune and docker builder prune, or give the engine a larger disk",
        )


def _check_password(stack: Stack, project: ComposeProject) -> None:
    if project.settings.database != "postgres" or project.configuration[GENERATED]:
        return
    if stack.engine.volume_exists(f"{project.name}_database"):
        local = f".env.{project.configuration.environment.name}.local"
        raise UsageFault(
            f"{GENERATED} is missing, and the environment's database was made with one",
            where=local,
            remedy=f"put it back into {local}, or start afresh with down --volumes",
        )
