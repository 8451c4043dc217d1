"""A real Argo CD follows the repository that `deploy --gitops` commits to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..generate.conftest import engine
from ..hosts.remote_hosts import Registry
from ..support.service import change, git, serving_does
from ..support.waiting import until
from . import argocd
from .cluster import ServiceInCluster, kubectl
from .gitops import OVERLAY, deploy_by_commits
from .test_argocd import definitions as definitions

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.argocd]

APPLICATION = "deploy/argocd/staging.yaml"


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cluster's repository."""
    return tmp_path_factory.mktemp("clusters") / "clusters.git"


@pytest.fixture(scope="module")
def redis(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of Argo CD's cache."""
    with engine(request, "redis") as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def service(
    registry: Registry,
    remote: Path,
    make_in_cluster: Callable[..., ServiceInCluster],
    definitions: None,
    redis: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceInCluster]:
    """A service whose Application is Argo CD's."""
    made = make_in_cluster()
    scratch = tmp_path_factory.mktemp("argocd")
    with argocd.served(remote.parent) as url:
        made.edit(APPLICATION, f"https://git.example.com/{made.folder.name}.git", f"{url}/{remote.name}")
        made.edit(APPLICATION, "https://kubernetes.default.svc", argocd.CLUSTER)
        deploy_by_commits(made, registry, remote)
        with argocd.running(argocd.binary(scratch), redis, scratch):
            first = made.invoke("deploy", "--env=staging", "--gitops", "--timeout=1")
            assert "the cluster has not followed" in first.stderr, first.stderr
            kubectl("apply", f"--filename={made.folder / APPLICATION}")
            try:
                until(lambda: state(made) == ("Synced", "Healthy"), "Argo CD does not bring the service up")
                yield made
            finally:
                kubectl("delete", "application", f"{made.folder.name}-staging", "--wait=false", namespace="argocd")


def state(service: ServiceInCluster) -> tuple[str, str]:
    """What Argo CD says of the service: synced, and healthy."""
    text = kubectl("get", "application", f"{service.folder.name}-staging", "--output=json", namespace="argocd")
    status = json.loads(text).get("status", {})
    return status.get("sync", {}).get("status", ""), status.get("health", {}).get("status", "")


def deploy(service: ServiceInCluster, *words: str) -> str:
    """Deploy by a commit, which has to be seen to serve."""
    done = service.invoke("deploy", "--env=staging", "--gitops", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_commit_is_brought_up_and_said_to_serve_and_a_rollback_is_a_revert(
    service: ServiceInCluster, remote: Path
) -> None:
    before = service.get("/version").body
    change(service)

    assert "It serves in" in deploy(service)
    assert service.get("/version").body != before

    back = service.invoke("rollback", "--env=staging", "--gitops")
    assert back.returncode == 0, back.stderr
    until(lambda: service.get("/version").body == before, "the former release does not serve")
    assert git(remote, "log", "-1", "--format=%s", "main").startswith("Revert ")
    until(lambda: state(service) == ("Synced", "Healthy"), "Argo CD has not come to rest")


def test_a_release_that_does_not_come_up_is_told_with_its_cause_and_goes_with_a_revert(
    service: ServiceInCluster,
) -> None:
    before = service.get("/version").body
    with serving_does(service, "os.Exit(7)"):
        done = service.invoke("deploy", "--env=staging", "--gitops")

    assert done.returncode == 5
    assert "exited at its start (exit code 7)" in done.stderr
    assert service.get("/version").body == before
    assert service.invoke("rollback", "--env=staging", "--gitops").returncode == 0
    until(lambda: state(service) == ("Synced", "Healthy"), "Argo CD has not come to rest")


def test_an_image_that_is_not_there_is_told_as_such(service: ServiceInCluster, remote: Path, tmp_path: Path) -> None:
    before = service.get("/version").body
    work = tmp_path / "by-hand"
    git(tmp_path, "clone", "--quiet", str(remote), str(work))
    path = work / OVERLAY / "kustomization.yaml"
    digest = next(line for line in path.read_text().splitlines() if "digest:" in line).split("sha256:")[1]
    path.write_text(path.read_text().replace(digest, "0" * 64))
    git(work, "commit", "--quiet", "--all", "--message", "Name an image that is not there")
    git(work, "push", "--quiet")
    until(lambda: state(service)[1] != "Healthy", "Argo CD does not follow")
    assert service.get("/version").body == before

    git(work, "revert", "--no-edit", "HEAD")
    git(work, "push", "--quiet")

    until(lambda: state(service) == ("Synced", "Healthy"), "Argo CD has not come to rest")


def test_two_pushes_at_once_both_arrive(service: ServiceInCluster, remote: Path, tmp_path: Path) -> None:
    work = tmp_path / "elsewhere"
    git(tmp_path, "clone", "--quiet", str(remote), str(work))
    change(service)
    deploying = threading.Thread(target=deploy, args=(service, "--set=LOG_LEVEL=warn"))
    deploying.start()
    for number in range(10):
        (work / "notes.txt").write_text(f"{number}\n")
        git(work, "add", "notes.txt")
        git(work, "commit", "--quiet", "--message", f"Note {number}")
        git(work, "pull", "--quiet", "--rebase")
        git(work, "push", "--quiet")
    deploying.join()

    subjects = git(remote, "log", "--format=%s", "main").splitlines()
    assert {f"Note {number}" for number in range(10)} <= set(subjects)
    assert any(subject.startswith("Deploy ") for subject in subjects[:11])
    until(lambda: state(service) == ("Synced", "Healthy"), "Argo CD has not come to rest")


def test_what_is_changed_by_hand_is_put_back(service: ServiceInCluster) -> None:
    image = service.read("deployment", service.folder.name)["spec"]["template"]["spec"]["containers"][0]["image"]
    service.kubectl("set", "image", f"deployment/{service.folder.name}", "app=localhost/other:1")

    def now() -> str:
        found = service.read("deployment", service.folder.name)
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    until(lambda: now() == image, "Argo CD does not put the image back")
