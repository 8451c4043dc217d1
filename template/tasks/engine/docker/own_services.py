"""The services that the user adds to the stack in `docker-compose.override.yml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .compose import PROCESS
from .engine import SERVICE_LABEL
from .stack import Stack

if TYPE_CHECKING:
    from docker.models.containers import Container

RECREATED = re.compile(r"Container (\S+) +Recreate$", re.MULTILINE)
"""What `compose --dry-run up` says of a container that it would make anew."""
ANONYMOUS = re.compile("[0-9a-f]{64}")
"""The name that the engine gives a volume without one."""


def bring_up_own_services(stack: Stack) -> None:
    """Start them, as holder of the lock; one whose definition has changed is made anew, and one without any goes."""
    stack.remove(left_behind(stack))
    if len(stack.project.files) == 1:
        return
    names = sorted(_services(stack) - stack.project.template_services)
    if not names:
        return
    stack.require_done(stack.compose("build", *names), "a service of your own does not build")
    outdated = _outdated(stack, names)
    # Only Compose can hand the anonymous volumes of a container on to the one that takes its place.
    handed_on = {each.labels[SERVICE_LABEL] for each in outdated if _has_anonymous_volumes(each)}
    stack.remove([each for each in outdated if each.labels[SERVICE_LABEL] not in handed_on])
    if others := [name for name in names if name not in handed_on]:
        stack.up("--no-recreate", "--no-deps", *others)
    if handed_on:
        stack.fence.require()
        stack.up("--no-deps", *sorted(handed_on))


def left_behind(stack: Stack) -> list[Container]:
    """The containers of services that no compose file names any more, behind a profile or not."""
    foreign = [
        each
        for each in stack.engine.find_all(stack.name)
        if each.labels.get(SERVICE_LABEL)
        and each.labels[SERVICE_LABEL] not in stack.project.template_services
        and not each.labels.get(PROCESS)
    ]
    named = _services(stack, "--profile", "*") if foreign else set()
    return [each for each in foreign if each.labels[SERVICE_LABEL] not in named]


def _services(stack: Stack, *options: str) -> set[str]:
    done = stack.runner.read(stack.project.listing(*options), env=stack.project.env())
    stack.require_done(done, f"{stack.project.files[-1].name} is not in order")
    return set(done.stdout.split())


def _outdated(stack: Stack, names: list[str]) -> list[Container]:
    """The containers that Compose would make anew."""
    done = stack.would("up", "--detach", "--no-deps", *names)
    stack.require_done(done, "the stack does not start")
    named = set(RECREATED.findall(done.stdout + done.stderr))
    return [each for name in names for each in stack.engine.find_all(stack.name, name) if each.name in named]


def _has_anonymous_volumes(container: Container) -> bool:
    mounts = [each for each in container.attrs["Mounts"] if each["Type"] == "volume"]
    return any(ANONYMOUS.fullmatch(each["Name"]) for each in mounts)
