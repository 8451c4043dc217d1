"""Taking a stack down: what runs, and if wanted what is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from ..core.errors import DeployFault
from .engine import PROJECT_LABEL, SERVICE_LABEL
from .errors import refusal
from .images import images_of, without
from .stack import Stack

if TYPE_CHECKING:
    from docker.models.containers import Container


def take_down(stack: Stack, data: bool) -> None:
    """Remove containers and networks, as holder of the lock; with `data`, volumes, images and kept values as well."""
    stack.runner.act(f"remove the containers and networks of {stack.name}", partial(_remove_all, stack, data))
    if data:
        stack.runner.act(f"delete the volumes, images and kept values of {stack.name}", partial(_remove_data, stack))


def in_waves(containers: Sequence[Container]) -> list[list[Container]]:
    """Containers in the order in which they can be stopped: whatever others need comes after those."""
    waves, left = [], list(containers)
    while left:
        needed = {name for each in left for name in _needed_by(each)}
        wave = [each for each in left if each.labels.get(SERVICE_LABEL) not in needed] or left
        waves.append(wave)
        left = [each for each in left if each not in wave]
    return waves


def _needed_by(container: Container) -> list[str]:
    """The services that Compose says a container depends on: "database:service_healthy:false,…"."""
    dependencies = container.labels.get("com.docker.compose.depends_on", "")
    return [entry.partition(":")[0] for entry in dependencies.split(",") if entry]


def _remove_all(stack: Stack, volumes: bool) -> None:
    """Remove containers, those that others need last, then the networks that nobody is in any more."""
    for wave in in_waves(stack.engine.find_all(stack.name)):
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: stack.remove([each], volumes), wave))
    _give_up(stack, stack.engine.networks(stack.name), stack.engine.client.api.remove_network)


def _remove_data(stack: Stack) -> None:
    environment = stack.project.configuration.environment
    own = without(images_of(stack, stack.engine), stack.project.settings.service, environment.name, (), ())
    by_compose = stack.engine.images({PROJECT_LABEL: stack.name})
    images = {*own, *(name for names in by_compose.values() for name in names)}
    volumes = [*stack.kept.others(()), *stack.engine.volumes(stack.name)]
    _give_up(stack, volumes, stack.engine.client.api.remove_volume)
    stack.engine.remove_images(images)
    if stack.project.state.exists():  # It may have been deployed from another machine.
        shutil.rmtree(stack.project.state)


def _give_up(stack: Stack, names: Sequence[str], remove: Callable[[str], object]) -> None:
    """Remove networks or volumes; DeployFault where something else uses one."""
    from docker.errors import APIError, NotFound

    stack.fence.require()
    for name in names:
        try:
            with suppress(NotFound):
                remove(name)
        except APIError as error:
            stack.fence.require()
            details, remedy = [refusal(error)], "end what uses it, and take the environment down again"
            raise DeployFault("the engine keeps a part", where=stack.name, details=details, remedy=remedy) from error
