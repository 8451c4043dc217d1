"""What a machine needs, examined one by one."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .build.toolchain import find_go, go_release, wanted_release
from .config.checks import check
from .config.configuration import Environments
from .config.settings import Environment, Settings
from .core.errors import Fault
from .core.network import fetch_json, require_free_port
from .core.runner import Runner
from .docker.preflight import MINIMUM_COMPOSE

if TYPE_CHECKING:
    from .docker.place import Place
    from .docker.stack import Stack

FREE_BYTES = 2 * 1024**3
"""What builds and images of some weeks want."""
CLOCK_SECONDS = 5
"""By how much the engine's clock may differ before logs and certificates confuse people."""


@dataclass(frozen=True)
class Result:
    """One line: `fine` is None for a thing that is only worth knowing."""

    what: str
    fine: bool | None
    found: str
    remedy: str = ""


def examine(runner: Runner, settings: Settings, environments: Environments, environment: Environment) -> list[Result]:
    """Everything that a deploy of `environment` needs, found or missing; engines and ports where they are."""
    docker = environment.target == "docker"
    results = [_go(runner, needed=not docker)]
    here = True
    if docker:
        stacks, missing = _stacks(runner, settings, environments, environment)
        here = all(place.here for _, place in stacks)
        results += [*missing, *(_engine(stack, place) for stack, place in stacks)]
        results += [_plugin(runner, "compose", MINIMUM_COMPOSE), _plugin(runner, "buildx", (0, 11))]
        results += [_clock(stack, place) for stack, place in stacks]
    if here:
        results.append(_port(settings, environments, environment))
    results.append(_disk(runner.root, "disk" if here else "disk of this machine"))
    results.append(_configuration(environments, environment))
    return results


def _stacks(
    runner: Runner, settings: Settings, environments: Environments, environment: Environment
) -> tuple[list[tuple[Stack, Place]], list[Result]]:
    """The stacks of all engines, or what is missing to reach them."""
    from .docker.engine import START_DOCKER
    from .docker.target import DockerTarget
    from .targets import make_targets

    try:
        targets = make_targets(runner, settings, environments.configuration(environment))
        stacks = [(target.stack, target.place) for target in targets if isinstance(target, DockerTarget)]
        for stack, _ in stacks:
            stack.engine.connected()
    except Fault as fault:
        found = ": ".join([fault.what, *fault.details[-1:]])
        return [], [Result("Docker engine", False, found, fault.remedy or START_DOCKER)]
    return stacks, []


def _go(runner: Runner, needed: bool) -> Result:
    go, wanted = find_go(), wanted_release(runner.root)
    if go:
        return Result("Go", True, f"{go_release(runner, go)} at {go}, go.mod asks for {wanted}")
    if needed:
        return Result("Go", None, "none", "nothing: the first build installs it from a wheel")
    return Result("Go", None, "none", "nothing: images are built inside Docker; with Go they build faster")


def _engine(stack: Stack, place: Place) -> Result:
    version = stack.engine.version()
    recent = int(version.split(".")[0]) >= 25
    remedy = "" if recent else "update to 25 or newer (start_interval)"
    return Result(_of("Docker engine", place), recent, version, remedy)


def _of(what: str, place: Place) -> str:
    return f"{what} of {place.host}" if place.host else what


def _plugin(runner: Runner, name: str, minimum: tuple[int, int]) -> Result:
    arguments = ["compose", "version", "--short"] if name == "compose" else ["buildx", "version"]
    remedy = f"install the docker-{name}-plugin package, {'.'.join(map(str, minimum))} or newer"
    try:
        outcome = runner.read(["docker", *arguments])
    except Fault:
        return Result(f"docker {name}", False, "no docker command", "install the Docker command line")
    words = [word.lstrip("v") for word in outcome.stdout.split() if word.lstrip("v")[:1].isdigit()]
    numbers = words[0].split(".")[:2] if outcome.ok and words else []
    fine = len(numbers) == 2 and tuple(int("".join(filter(str.isdigit, n)) or 0) for n in numbers) >= minimum
    return Result(f"docker {name}", fine, words[0] if words else "none", "" if fine else remedy)


def _clock(stack: Stack, place: Place) -> Result:
    difference = abs(stack.engine.now() - time.time())
    fine = difference <= CLOCK_SECONDS
    remedy = "" if fine else "set both by NTP"
    return Result(_of("clock", place), fine, f"{difference:.0f} s from the engine's", remedy)


def _port(settings: Settings, environments: Environments, environment: Environment) -> Result:
    port = int(environments.configuration(environment)["EDGE_PORT"])
    what = f"port {port}"
    try:
        require_free_port("", port, "EDGE_PORT")
    except Fault as fault:
        status, document = fetch_json(f"http://localhost:{port}/version")
        if status == 200 and isinstance(document, dict) and document.get("service") == settings.service:
            return Result(what, True, f"{settings.service} serves {document.get('env')} there")
        return Result(what, False, "taken by another program", fault.remedy)
    return Result(what, True, "free")


def _disk(root: Path, what: str) -> Result:
    free = shutil.disk_usage(root).free
    fine = free >= FREE_BYTES
    return Result(
        what,
        fine,
        f"{free / 1e9:.1f} GB free",
        "" if fine else "docker builder prune and docker image prune, or a larger disk",
    )


def _configuration(environments: Environments, environment: Environment) -> Result:
    count = len(check(environments, environment, open_all=False).findings)
    remedy = f"env.check --env={environment.name} shows them" if count else ""
    return Result("configuration", not count, f"{count} faults" if count else "in order", remedy)
