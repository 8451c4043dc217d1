"""A node that is an object alone: no machine, and no kubelet but what a test says in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from .cluster import kubectl

CAPACITY = {"cpu": "8", "memory": "8Gi", "pods": "20"}
TAINT = {"key": "copier-gin.tests", "value": "ghost", "effect": "NoSchedule"}
"""Keeps everybody else's pods away."""


@contextmanager
def ghost(name: str) -> Iterator[None]:
    """A node that says once that it is ready, and then nothing more, which is noticed after 50 s."""
    labels = {"kubernetes.io/hostname": name}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [TAINT]},
    }
    kubectl("create", "--filename=-", feed=json.dumps(node))
    try:
        status = {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [ready()]}
        kubectl("patch", "node", name, "--subresource=status", f"--patch={json.dumps({'status': status})}")
        yield
    finally:
        kubectl("delete", "node", name)


def run(pod: str, namespace: str) -> None:
    """Say as the kubelet of its node would that a pod runs and is ready."""
    status = {"phase": "Running", "conditions": [ready()]}
    kubectl(
        "patch", "pod", pod, "--subresource=status", f"--patch={json.dumps({'status': status})}", namespace=namespace
    )


def ready() -> dict[str, Any]:
    """The condition Ready, as of now."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    moments = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    return {"type": "Ready", "status": "True", "reason": "SaidByATest", "message": "a test says so", **moments}
