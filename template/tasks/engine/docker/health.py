"""Waiting for containers by the engine's events, and the cause when one does not become healthy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..core.errors import DeployFault
from .engine import PROJECT_LABEL, Engine

if TYPE_CHECKING:
    from docker.models.containers import Container

LOG_LINES = 12
PAUSE = 0.02
"""Seconds between two questions to a container that is about to become ready."""


class HealthWatch:
    """The events of a project's containers. Open it before a container is started, so that nothing is missed."""

    def __init__(self, engine: Engine, project: str) -> None:
        filters = {"type": "container", "label": [f"{PROJECT_LABEL}={project}"]}
        self._stream = engine.client.events(decode=True, filters=filters)

    def close(self) -> None:
        """End the stream of events."""
        self._stream.close()

    def wait(self, container: Container, timeout: float, ready: Callable[[], bool] | None = None) -> None:
        """Return as soon as the container is healthy, or `ready` says so, which is asked again and again.

        Raises DeployFault with the cause as soon as the container has died, or after `timeout` seconds.
        """
        container.reload()
        # One that was started again after a crash has its death among the events.
        if container.status == "running" and health_of(container) == "healthy":
            return
        out_of_memory = False
        with self._ending_after(timeout), self._asking(ready) as found:
            for event in self._stream:
                action = event.get("Action") if event.get("id") == container.id else ""
                if action == "health_status: healthy":
                    return
                # By the time of a look at its state the container may have been started again.
                out_of_memory = out_of_memory or action == "oom"
                if action == "die":
                    code = event["Actor"]["Attributes"].get("exitCode", "")
                    raise fault_of(container, "exited at its start", code, out_of_memory)
        if not found.is_set():
            raise fault_of(container, f"was not healthy within {timeout:.0f} s")

    @contextmanager
    def _asking(self, ready: Callable[[], bool] | None) -> Iterator[threading.Event]:
        """Ask beside the events; the stream ends as soon as the answer is yes, and the event is set."""
        found, ended = threading.Event(), threading.Event()

        def ask() -> None:
            # Where it cannot be asked, the events decide alone.
            with suppress(Exception):
                while ready and not ended.is_set():
                    if ready():
                        found.set()
                        self.close()
                        return
                    ended.wait(PAUSE)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        try:
            yield found
        finally:
            ended.set()

    @contextmanager
    def _ending_after(self, timeout: float) -> Iterator[None]:
        timer = threading.Timer(timeout, self.close)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def fault_of(container: Container, what: str, exit_code: str = "", out_of_memory: bool = False) -> DeployFault:
    """What happened, with exit code, out of memory, last probe and last log lines."""
    container.reload()
    state = container.attrs["State"]
    reasons = []
    if out_of_memory or state.get("OOMKilled"):
        reasons.append("killed because its memory ran out")
    if exit_code or state["Status"] != "running":
        reasons.append(f"exit code {exit_code or state['ExitCode']}")
    known = f" ({', '.join(reasons)})" if reasons else ""
    return DeployFault(f"{container.name} {what}{known}", details=[*_last_probe(state), *_last_logs(container)])


def _last_probe(state: dict[str, Any]) -> list[str]:
    probes = (state.get("Health") or {}).get("Log") or []
    return ["last probe: " + " ".join(str(probes[-1].get("Output", "")).split())[:300]] if probes else []


def _last_logs(container: Container) -> list[str]:
    lines = container.logs(tail=LOG_LINES).decode(errors="replace").splitlines()
    return [f"log: {line[:300]}" for line in lines]


def health_of(container: Container) -> str:
    """What the engine calls a container: starting, healthy or unhealthy; empty where it has no probe."""
    return str((container.attrs["State"].get("Health") or {}).get("Status", ""))
