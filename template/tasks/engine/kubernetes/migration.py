"""The migrations of a release, as a Job that is watched to its end."""

from __future__ import annotations

import time

from ..core.errors import DeployFault
from ..deploy.target import migration_fault
from .cluster import Cluster, Object
from .manifests import name_of
from .rollout import Seen, judge
from .wait import News, last_words

LONGEST = 600
"""Seconds for all migrations, where the Job sets no limit of its own."""


def migrate(cluster: Cluster, job: Object) -> str:
    """Run a Job to its end. Gives the last line that it said; DeployFault with the cause where it fails."""
    name = name_of(job)
    cluster.apply([job])
    try:
        return _watched(cluster, name, job["spec"].get("activeDeadlineSeconds", LONGEST))
    except BaseException:
        # Nothing goes on in the background once the deploy has failed.
        cluster.delete("job", name)
        raise


def _watched(cluster: Cluster, name: str, longest: float) -> str:
    seen, begun = Seen(name), time.monotonic()
    news = News(cluster, {"pods": [f"--selector=job-name={name}"], "events": []})
    try:
        while time.monotonic() - begun < longest:
            for pod, phase in [(pod, pod.get("status", {}).get("phase")) for pod in seen.pods.values()]:
                if phase == "Succeeded":
                    return (last_words(cluster, name_of(pod)) or [""])[-1][:100]
                if phase == "Failed":
                    raise migration_fault(_exit_code(pod), last_words(cluster, name_of(pod)))
            cause = judge(seen, time.monotonic() - begun)
            if cause:
                raise cause.fault([])
            news.learn(seen)
    finally:
        news.close()
    raise DeployFault(f"the migrations were not done within {longest:.0f} s", where=f"job {name}")


def _exit_code(pod: Object) -> int:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    codes = [int(each["state"]["terminated"]["exitCode"]) for each in statuses if each["state"].get("terminated")]
    return codes[0] if codes else 1
