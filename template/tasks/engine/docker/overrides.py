"""Overrides of a release on an engine: in its own volume, so that they end with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..build.image import path_in_image
from ..core.errors import DeployFault
from ..deploy.overrides import Change
from .kept_releases import READABLE, RELEASE, own_folder
from .stack import Stack
from .volumes import opened

if TYPE_CHECKING:
    from docker.models.containers import Container


def apply(stack: Stack, slot: str, change: Change) -> str:
    """Have the release in a slot go by a change, which it says is right. Gives a detail line."""
    container = stack.require(f"app-{slot}")
    release, override = container.labels[RELEASE], change.override
    document = stack.kept.document(release) or {}
    values, folder = document.get("environment", {}), own_folder(document)
    path = f"{folder}/{override.place}"
    if values.get(override.variable) != path:
        raise change.looks_nowhere(stack.project.configuration.environment.name)
    with opened(stack.engine, stack.kept.volume(release), folder, stack.kept.labels) as way:
        there = stack.engine.read_files(way, folder)
        wanted = change.files(override.place)
        if _of(there, str(override.place)) == wanted:
            return f"{release} has these {override.what} already"
        # Nothing can be deleted in a container that does not run: a file without content is as one that is not there.
        emptied = dict.fromkeys(_of(there, str(override.draft)), b"")
        stack.engine.put_files(way, folder, {**emptied, **change.files(override.draft)}, READABLE)
        _check(stack, container, change, folder)
        since = int(stack.engine.now())
        gone = dict.fromkeys(_of(there, str(override.place)), b"")
        stack.engine.put_files(way, folder, {**gone, **wanted}, READABLE)
    told = change.wait_in_force(lambda: str(container.logs(since=since).decode(errors="replace")), path, values)
    return f"in force in {release}, until another one serves{told}"


def _of(files: dict[str, bytes], place: str) -> dict[str, bytes]:
    """Those of a place that have content."""
    return {name: data for name, data in files.items() if data and (name == place or name.startswith(f"{place}/"))}


def _check(stack: Stack, container: Container, change: Change, folder: str) -> None:
    program = path_in_image(stack.project.settings.service, stack.project.settings.service)
    try:
        stack.engine.execute(container, [program, change.override.command, f"{folder}/{change.override.draft}"])
    except DeployFault as fault:
        raise change.refused(fault.details[1].splitlines()) from fault
