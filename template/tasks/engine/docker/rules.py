"""Rules of the guard for a release on an engine: in its own volume, where its secrets are, so that they end with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..build.image import path_in_image
from ..core.errors import DeployFault
from ..deploy.rules import COMMAND, DRAFT, FILE, VARIABLE, looks_nowhere, refused, wait_in_force
from .kept_releases import READABLE, RELEASE, SECRETS
from .stack import Stack
from .volumes import opened

if TYPE_CHECKING:
    from docker.models.containers import Container

PATH = f"{SECRETS}/{FILE}"


def apply(stack: Stack, slot: str, text: str) -> str:
    """Have the release in a slot hold requests to rules, which it says are right. Gives a detail line."""
    container = stack.require(f"app-{slot}")
    release = container.labels[RELEASE]
    document = stack.kept.document(release) or {}
    if document.get("environment", {}).get(VARIABLE) != PATH:
        raise looks_nowhere(stack.project.configuration.environment.name)
    with opened(stack.engine, stack.kept.volume(release), SECRETS, stack.kept.labels) as way:
        if stack.engine.get_files(way, SECRETS).get(FILE) == text:
            return f"{release} has these rules already"
        stack.engine.put_files(way, SECRETS, {DRAFT: text}, READABLE)
        _check(stack, container)
        since = int(stack.engine.now())
        stack.engine.put_files(way, SECRETS, {FILE: text}, READABLE)
    wait_in_force(lambda: str(container.logs(since=since).decode(errors="replace")), PATH)
    return f"in force in {release}, until another one serves"


def _check(stack: Stack, container: Container) -> None:
    program = path_in_image(stack.project.settings.service, stack.project.settings.service)
    try:
        stack.engine.execute(container, [program, COMMAND, f"{SECRETS}/{DRAFT}"])
    except DeployFault as fault:
        raise refused(fault.details[1].splitlines()) from fault
