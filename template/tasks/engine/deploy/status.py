"""The state of an environment as one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .releases import Release
from .target import Target, deployment_in

STATES = ("serving", "degraded", "down", "absent")
"""From the best to the worst."""


def read_status(targets: Sequence[Target], service: str, env: str) -> dict[str, Any]:
    """The document of `status --json`.

    `state` is serving (a release answers as ready), degraded (one is switched to and does not, or what it runs
    beside the service is not well), down (there are records and nothing runs) or absent (nothing was ever deployed).
    With hosts, it is that of the one in the worst state, the rest is the first host's, and `hosts` has each.
    """
    found = [_of(target, service, env) for target in targets]
    if not targets[0].host:
        return found[0]
    hosts = [{"host": target.host, **document} for target, document in zip(targets, found, strict=True)]
    return {**found[0], "state": max((each["state"] for each in found), key=STATES.index), "hosts": hosts}


def probe_front_door(host: str, url: str, ask: Callable[[str], tuple[int, Any]]) -> dict[str, Any]:
    """What the probes of a service answer through its front door, asked by their paths."""
    probes = {}
    for path in ("/livez", "/readyz", "/startupz"):
        code, answer = ask(path)
        probes[path] = {"status": code, "answer": answer}
    healthy = all(probe["status"] == 200 for probe in probes.values())
    return {"host": host, "url": url, "healthy": healthy, "probes": probes}


def _of(target: Target, service: str, env: str) -> dict[str, Any]:
    slots = target.slots()
    live = target.live_slot()
    deployment = deployment_in(target, live)
    processes = [state for state in target.processes() if state.slot == live]
    running = any(state.state == "running" for state in slots)
    return {
        "service": service,
        "env": env,
        "target": target.name,
        "state": _state(target, live, running, all(state.well for state in processes)),
        "url": target.url,
        "maintenance": target.in_maintenance(),
        "release": deployment.summary() if deployment else None,
        "configuration": _configuration(deployment.release) if deployment else None,
        "slots": [state.document() for state in slots],
        "processes": [state.document() for state in processes],
        "left_behind": target.left_behind(),
    }


def _configuration(release: Release) -> dict[str, Any]:
    """Which configuration serves, and since when each of its secrets has had its value."""
    return {"id": release.configuration, "secrets": dict(release.secrets)}


def _state(target: Target, live: str, running: bool, well: bool) -> str:
    if live and well and target.ask("/readyz")[0] == 200:
        return "serving"
    if live or running:
        return "degraded"
    return "down" if target.releases.read() else "absent"
