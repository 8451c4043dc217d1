"""Waiting for what the cluster is to bring about: several watches at once, until it is done or cannot be."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..core.errors import DeployFault
from .cluster import Cluster, Object, selector
from .manifests import COMPONENT, RELEASE, SERVICE, name_of
from .rollout import Cause, Seen, fallen, judge

GLANCE = 0.5
"""Seconds after which is judged again without news: a pod without a node is told after a while."""
LOG_LINES = 12
ANEW = 0.5
"""Seconds before a watch that ended by itself is begun anew."""


class News:
    """What some watches tell, in the order in which it comes; `watches` are the options of kubectl to each kind."""

    def __init__(self, cluster: Cluster, watches: Mapping[str, Sequence[str]]) -> None:
        self._cluster = cluster
        self._queue: queue.Queue[tuple[str, Object]] = queue.Queue()
        self.closed = threading.Event()
        for kind, options in watches.items():
            threading.Thread(target=self._listen, args=(kind, options), daemon=True).start()

    def close(self) -> None:
        """End the watches."""
        self.closed.set()

    def learn(self, seen: Seen, wait: float = GLANCE) -> None:
        """Take in what has come; where nothing has, wait for some seconds."""
        with suppress(queue.Empty):
            seen.take(*self._queue.get(timeout=wait))
            while True:
                seen.take(*self._queue.get_nowait())

    def _listen(self, kind: str, options: Sequence[str]) -> None:
        while not self.closed.is_set():
            with self._cluster.watched(kind, options, self.closed) as changes:
                for change in changes:
                    self._queue.put((kind, change))
            self.closed.wait(ANEW)


class RolloutWait:
    """Watches a workload, such as a Deployment, and `pods`, from when it is made until it is closed.

    Those of the pods that have the labels `own` are to come up.
    """

    def __init__(
        self, cluster: Cluster, workload: Object, pods: Mapping[str, str], own: Mapping[str, str] | None = None
    ) -> None:
        self._cluster = cluster
        self._name = name_of(workload)
        self._seen = Seen(self._name, own or {})
        self._begun = time.monotonic()
        self._ends: Mapping[str, int] = {}
        kind = f"{workload['kind'].lower()}s"
        named = [f"--field-selector=metadata.name={self._name}"]
        self._news = News(cluster, {kind: named, "pods": [f"--selector={selector(pods)}"], "events": []})

    def close(self) -> None:
        """End the watches, and with them a wait that another thread is in."""
        self._news.close()

    def until_done(self, timeout: float) -> int:
        """Return how many pods there are when all are of the release and available; DeployFault with the cause else."""
        while not self._seen.done:
            passed = time.monotonic() - self._begun
            cause = judge(self._seen, passed)
            if cause:
                raise cause.fault(self._last_words(cause))
            if passed > timeout:
                raise self._too_slow(timeout)
            if self._news.closed.is_set():
                raise DeployFault("the wait was ended", where=self._name)
            self._news.learn(self._seen)
        self._ends = self._seen.ends()
        return self._seen.wanted

    def until_gone(self, labels: Mapping[str, str], timeout: float) -> bool:
        """Whether all pods with these labels have ended within `timeout` seconds; False once our own are not well."""
        deadline = time.monotonic() + timeout
        while not self._seen.own or self._seen.any_with(labels):
            if time.monotonic() > deadline or self._news.closed.is_set() or fallen(self._seen, self._ends):
                return False
            self._news.learn(self._seen)
        return True

    def ailment(self) -> list[str]:
        """What shows that the release is not well any more, once it had come up; empty where nothing does."""
        self._news.learn(self._seen, wait=0)
        cause = fallen(self._seen, self._ends)
        return [cause.what, *cause.details, *self._last_words(cause)] if cause else []

    def _last_words(self, cause: Cause) -> list[str]:
        return last_words(self._cluster, cause.pod) if cause.ended else []

    def _too_slow(self, timeout: float) -> DeployFault:
        """What the pods say of themselves, where they are not ready in time."""
        waiting = [name for name, pod in self._seen.own.items() if not pod["metadata"].get("deletionTimestamp")]
        details = [f"{name}: {json.dumps(self._cluster.ask_pod(name, '/readyz')[1])}" for name in waiting]
        details += self._seen.unhealthy()
        return DeployFault(f"the release was not healthy within {timeout:.0f} s", where=self._name, details=details)


def wait_for(cluster: Cluster, workload: Object, pods: Mapping[str, str], timeout: float) -> int:
    """Return how many pods a workload has when all are available; DeployFault with the cause where that fails."""
    waiting = RolloutWait(cluster, workload, pods)
    try:
        return waiting.until_done(timeout)
    finally:
        waiting.close()


def deployment_wait(cluster: Cluster, deployment: Object) -> RolloutWait:
    """The wait for a Deployment of a release, which sees the pods of others as well."""
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    pods = {name: labels[name] for name in (SERVICE, COMPONENT)}
    return RolloutWait(cluster, deployment, pods, own={RELEASE: labels[RELEASE]})


def last_words(cluster: Cluster, pod: str) -> list[str]:
    """The last lines that a pod's container has said, the one before its last start first."""
    for words in (["--previous"], []):
        done = cluster.run("logs", pod, f"--tail={LOG_LINES}", *words)
        if done.ok and done.stdout.strip():
            return [line for line in done.stdout.splitlines() if line.strip()]
    return []
