"""The demo's part in a cluster: a namespace of its own, and a way into it while the service is shown."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service_tasks.engine.core.errors import Fault, MissingFault, UsageFault
from service_tasks.engine.core.waiting import wait_until

from .rendering import use_cluster

FORWARDED_SECONDS = 20
"""For kubectl to listen on the port that it forwards."""
PAUSE = 0.1
"""Seconds between two looks whether it listens."""


@dataclass(frozen=True)
class Cluster:
    """Where a demo is deployed: a context of kubectl, and a registry that this machine pushes to and nodes use."""

    context: str
    registry: str

    def use(self, folder: Path, environment: str) -> None:
        """Name it in a service's `invoke.yaml`."""
        use_cluster(folder, environment, [self.context], self.registry)

    def make_namespace(self, name: str) -> None:
        """Make a namespace that holds pods to Pod Security's strictest level."""
        self._kubectl("create", "namespace", name)
        self._kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")

    def remove_namespace(self, name: str) -> None:
        """Remove a namespace with all that is in it; that goes on after the call."""
        self._kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")

    @contextmanager
    def forwarded(self, namespace: str, service: str, port: int) -> Iterator[None]:
        """Reach one pod of a service at a port of this machine meanwhile."""
        command = self._command(f"--namespace={namespace}", "port-forward", f"service/{service}", f"{port}:80")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as way:
            try:
                _wait_listening(way, port)
                yield
            finally:
                way.terminate()

    def _kubectl(self, *words: str) -> None:
        done = subprocess.run(self._command(*words), capture_output=True, text=True, check=False)
        if done.returncode:
            details = done.stderr.strip().splitlines()[-3:]
            raise MissingFault(f"kubectl {' '.join(words[:3])} failed", where=self.context, details=details)

    def _command(self, *words: str) -> list[str]:
        return ["kubectl", f"--context={self.context}", *words]


def chosen_cluster(target: str, context: str, registry: str) -> Cluster | None:
    """The cluster that a demo was told to use; None where it is for another target.

    UsageFault where one is not said: a cluster is never chosen by itself, whatever kubectl's current context is.
    """
    if target != "kubernetes":
        if context or registry:
            raise UsageFault("--context and --registry are for --target=kubernetes")
        return None
    if not context:
        known = ", ".join(_contexts()) or "none"
        raise UsageFault("a cluster is not chosen by itself", remedy=f"name one with --context; kubectl knows: {known}")
    if not registry:
        remedy = "name one with --registry=HOST:PORT/PATH that this machine may push to and the nodes pull from"
        raise UsageFault("the cluster's nodes have to get the image from a registry", remedy=remedy)
    return Cluster(context, registry)


def _contexts() -> list[str]:
    try:
        done = subprocess.run(
            ["kubectl", "config", "get-contexts", "--output=name"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise MissingFault("there is no kubectl on the PATH", remedy="install kubectl 1.30 or newer") from error
    return done.stdout.split()


def _wait_listening(way: subprocess.Popen[str], port: int) -> None:
    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(lambda: way.poll() is not None or listening(), FORWARDED_SECONDS, PAUSE)
    if way.poll() is None and listening():
        return
    way.terminate()
    said = way.stderr.read() if way.stderr else ""
    raise Fault("the service cannot be reached through kubectl", details=said.strip().splitlines()[-3:])
