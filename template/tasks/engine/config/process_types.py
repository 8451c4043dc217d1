"""The processes that a service has beside the one that serves, as `processes:` of `invoke.yaml` names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..core.errors import UsageFault, nearest
from .values import count, fault, matching, one_of

TAKEOVERS = ("stop-first", "start-first")
HEALTH = ("readyz", "running")
KEYS = ("command", "replicas", "takeover", "health", "schedule")
TIMES = r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|(\S+ ){4}\S+"
"""What a CronJob of Kubernetes takes, but for what every host would read otherwise: the service itself parses it."""
RUNNING_SECONDS = 2.0
"""How long a process that answers no probe has to run to be taken for well."""
TAKEN = ("app", "edge", "migrate", "database", "cache", "broker")
"""What services of the stack are called."""


@dataclass(frozen=True)
class ProcessType:
    """A kind of process: `command` is a folder of cmd/ and what its program is called with.

    With `takeover` stop-first the former release's processes have ended before a new one starts, so that no two
    releases work at once; start-first has the new ones healthy before the former ones end. `health` says by what a
    process is known to be well: that it answers /readyz with 200, or that it runs.

    With a `schedule` it is a job: its program runs at these times, each time once for all hosts, and what is deployed
    waits for them.
    """

    name: str
    command: tuple[str, ...]
    replicas: int = 1
    takeover: str = "stop-first"
    health: str = "readyz"
    schedule: str = ""

    @property
    def stops_first(self) -> bool:
        """Whether the former release's end comes first."""
        return self.takeover == "stop-first"

    @property
    def probed(self) -> bool:
        """Whether it answers /readyz."""
        return self.health == "readyz"

    def argv(self, service: str, path_of: Callable[[str], str]) -> list[str]:
        """What is started; `path_of` says where a program of cmd/ is."""
        program, *words = self.command
        started = [path_of(program), *words]
        return [path_of(service), "schedule", self.name, self.schedule, *started] if self.schedule else started

    def document(self) -> dict[str, Any]:
        """The type as it is kept with a release."""
        return {**asdict(self), "command": list(self.command)}

    def described(self) -> str:
        """The type in a line of a plan."""
        command = " ".join(self.command)
        return f"{command} at {self.schedule}" if self.schedule else f"{self.replicas} × {command}, {self.takeover}"


def process_types(value: Any) -> tuple[ProcessType, ...]:
    """The types in `processes:`, in their order; UsageFault that names the key, the value and what is expected."""
    if not isinstance(value, Mapping):
        raise fault("processes", value, "a mapping such as {relay: {command: [orders, relay]}}")
    return tuple(_process_type(str(name), each) for name, each in value.items())


def kept_types(document: Mapping[str, Any]) -> tuple[ProcessType, ...]:
    """The types that a kept release has; none where it is from before there were any."""
    found = document.get("processes", [])
    return tuple(ProcessType(**{**each, "command": tuple(each["command"])}) for each in found)


def fingerprint(types: tuple[ProcessType, ...]) -> str:
    """A hash of all types; empty where there are none."""
    text = json.dumps([each.document() for each in types])
    return hashlib.sha256(text.encode()).hexdigest() if types else ""


def _process_type(name: str, value: Any) -> ProcessType:
    place = f"processes.{name}"
    matching(
        place, name, r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", "a lower-case name of at most 30 letters, digits, hyphens"
    )
    if name in TAKEN:
        raise UsageFault(f"{place}: {name} is a part of the stack", where="invoke.yaml", remedy="choose another name")
    if not isinstance(value, Mapping):
        raise fault(place, value, "a mapping such as {command: [orders, relay]}")
    for key in value:
        if key not in KEYS:
            raise UsageFault(f"{place}.{key} is not a setting", where="invoke.yaml", remedy=nearest(str(key), KEYS))
    command = _command(f"{place}.command", value.get("command"))
    if value.get("schedule"):
        return _job(name, command, value)
    return ProcessType(
        name=name,
        command=command,
        replicas=count(f"{place}.replicas", value.get("replicas", 1)),
        takeover=one_of(f"{place}.takeover", value.get("takeover", TAKEOVERS[0]), TAKEOVERS),
        health=one_of(f"{place}.health", value.get("health", HEALTH[0]), HEALTH),
    )


def _job(name: str, command: tuple[str, ...], value: Mapping[str, Any]) -> ProcessType:
    place = f"processes.{name}"
    times = matching(
        f"{place}.schedule", value["schedule"], TIMES, "five fields of cron, in UTC, or one such as @daily"
    )
    others = sorted(set(value) - {"command", "schedule"})
    if others:
        what = f"{place}.{others[0]} is not for a job"
        raise UsageFault(what, where="invoke.yaml", remedy="leave it away, or leave schedule away")
    # While one release takes over from the other, both wait for the same times, so that none is missed.
    return ProcessType(name, command, takeover=TAKEOVERS[1], schedule=times)


def _command(key: str, value: Any) -> tuple[str, ...]:
    words = isinstance(value, list) and value and all(isinstance(word, str) and "\0" not in word for word in value)
    if not words:
        raise fault(key, value, "a list such as [orders, relay]: a folder of cmd/, and words for its program")
    matching(key, value[0], r"[a-z0-9][a-z0-9_-]*", "one that begins with a folder of cmd/")
    return tuple(value)
