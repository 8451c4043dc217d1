"""The engine's way into a volume: a container that mounts it and is never started, from an image without any file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .engine import Engine, engine_seconds

if TYPE_CHECKING:
    from docker.models.containers import Container

OPENED = "copier-gin.opened"
OPENED_SECONDS = 60
"""A volume is opened for a moment: an older container belongs to nobody any more."""


@contextmanager
def opened(engine: Engine, volume: str, folder: str, labels: Mapping[str, str]) -> Iterator[Container]:
    """A container whose `folder` is the volume, to read and write files in; `labels` are the environment's."""
    from docker.types import Mount

    mount = Mount(folder, volume, type="volume", no_copy=True)
    named = {**labels, OPENED: ""}
    container = engine.client.containers.create(
        engine.empty_image(), ["none"], mounts=[mount], network_mode="none", labels=named
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def close_forgotten(engine: Engine, labels: Mapping[str, str]) -> None:
    """Remove what tasks that were killed have left open: with it, their volumes could never be removed."""
    from docker.errors import APIError

    wanted = [OPENED, *(f"{name}={value}" for name, value in labels.items())]
    for container in engine.client.containers.list(all=True, filters={"label": wanted}):
        if engine_seconds(container.attrs["Created"]) < engine.now() - OPENED_SECONDS:
            with suppress(APIError):
                container.remove(force=True)
