"""Deploys and rollbacks by a commit, for environments that a cluster follows in a repository."""

from __future__ import annotations

from dataclasses import dataclass

from .cli import Session
from .engine.build.source import BuildInfo
from .engine.config.configuration import Configuration
from .engine.core.console import print_json
from .engine.kubernetes.cluster import Cluster
from .engine.kubernetes.following import follow
from .engine.kubernetes.gitops import Commit, Overlay
from .engine.kubernetes.images import ImagePush
from .engine.kubernetes.manifests import config_file, handed_over, render
from .engine.kubernetes.slot_processes import require_processes


@dataclass(frozen=True)
class Wanted:
    """What the cluster should come to: an image in a namespace, within `seconds`."""

    namespace: str
    image: str
    seconds: float


def deploy(s: Session, configuration: Configuration, info: BuildInfo, seconds: float, json: bool) -> None:
    """Build and push the image, commit its digest, and wait for it where a cluster is named."""
    overlay = _overlay(s, configuration)
    values = handed_over(configuration, s.settings.service)
    s.console.title(f"Deploying {s.settings.service} {info.version} to {s.environment.name} (by a commit)")
    with s.console.step("check") as step:
        manifests = render(s.runner, s.settings.service, s.environment.name, values)
        require_processes(manifests, s.settings.processes)
        namespace = manifests.namespace
        step.detail = f"serves {overlay.image() or 'nothing yet'}"
    images = ImagePush(s.runner, s.settings, configuration)
    if source := s.settings.takes_from(s.environment):
        info = images.take(info, source)
    with images.ahead(info):
        with s.console.step("build") as step:
            step.detail = images.build(info)
        with s.console.step("image") as step:
            digest = images.package(info)
            step.detail = digest[:19]
    image = images.name(digest)
    with s.console.step("commit") as step:
        commit = overlay.deploy(info.version, image, config_file(values))
        step.detail = _told(commit)
    _finish(s, overlay, commit, Wanted(namespace, image, seconds), json)
    if s.settings.publishes(s.environment) and info.of_commit:
        images.publish(info)


def rollback(s: Session, configuration: Configuration, to: str, seconds: float, json: bool) -> None:
    """Revert the last deploy's commit, or return to the overlay of another, and wait where a cluster is named."""
    overlay = _overlay(s, configuration)
    s.console.title(f"Rolling {s.settings.service} back in {s.environment.name} (by a commit)")
    with s.console.step("check"):
        values = handed_over(configuration, s.settings.service)
        namespace = render(s.runner, s.settings.service, s.environment.name, values).namespace
    with s.console.step("commit") as step:
        commit = overlay.roll_back(to)
        step.detail = _told(commit)
    _finish(s, overlay, commit, Wanted(namespace, commit.image, seconds), json)


def _overlay(s: Session, configuration: Configuration) -> Overlay:
    gitops = configuration.environment.gitops
    assert gitops is not None, "only an environment with gitops comes here"
    return Overlay(s.runner, gitops, s.settings.service, s.environment.name)


def _finish(s: Session, overlay: Overlay, commit: Commit | None, wanted: Wanted, json: bool) -> None:
    """See it serve where a cluster is named, and say no more than was seen."""
    contexts = () if s.runner.dry else s.environment.contexts
    for context in contexts:
        with s.console.step("healthy") as step:
            cluster = Cluster(s.runner, context, wanted.namespace)
            pods = follow(cluster, s.settings.service, wanted.image, wanted.seconds)
            step.detail = f"{pods} pods in {context}"
    outcome = "serving" if contexts else "committed" if commit else "unchanged"
    if json:
        names = {"service": s.settings.service, "env": s.environment.name, "target": "kubernetes", "outcome": outcome}
        place = {"branch": overlay.gitops.branch, "path": overlay.gitops.path}
        what = {"image": wanted.image, "commit": commit.id if commit else ""}
        print_json({**names, **what, **place, "seconds": s.console.seconds})
        return
    what_was_done = f"Committed {commit.id[:12]} to {commit.branch}" if commit else "Nothing to commit"
    print(f"\n{what_was_done}: {wanted.image}")
    print(f"It serves in {', '.join(contexts)}." if contexts else "Whether it serves is for the cluster to say.")


def _told(commit: Commit | None) -> str:
    return f"{commit.id[:12]} {commit.subject}" if commit else "there already"
