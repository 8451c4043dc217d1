"""`deploy --gitops` with a cluster that follows the repository: what is committed, what is seen, and what is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.meanwhile import again_and_again

from ..hosts.remote_hosts import Registry
from ..support.service import change, git, serving_does
from .cluster import CONTEXT, ServiceInCluster, kubectl
from .gitops import OVERLAY, deploy_by_commits

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cluster's repository is going to be."""
    return tmp_path_factory.mktemp("clusters") / "clusters.git"


@pytest.fixture(scope="module")
def service(registry: Registry, remote: Path, make_in_cluster: Callable[..., ServiceInCluster]) -> ServiceInCluster:
    """A service whose staging is deployed by commits to a repository that has its manifests."""
    made = make_in_cluster()
    deploy_by_commits(made, registry, remote)
    return made


@contextmanager
def followed(service: ServiceInCluster, remote: Path, tmp_path: Path) -> Iterator[None]:
    """A cluster that applies what the repository has, again and again, as a GitOps operator does."""
    work = tmp_path / "followed"

    def follow() -> None:
        shutil.rmtree(work, ignore_errors=True)
        git(tmp_path, "clone", "--quiet", str(remote), str(work))
        kubectl("apply", "--kustomize", str(work / OVERLAY), namespace=service.namespace)

    with again_and_again(follow, pause=1):
        yield


def log(remote: Path) -> list[str]:
    """The subjects of the repository's commits, the newest first."""
    return git(remote, "log", "--format=%s", "main").splitlines()


def test_what_was_seen_to_serve_is_said_to_serve_and_a_rollback_is_a_revert(
    service: ServiceInCluster, remote: Path, tmp_path: Path
) -> None:
    with followed(service, remote, tmp_path):
        first = service.invoke("deploy", "--env=staging", "--gitops", "--json")
        assert first.returncode == 0, first.stderr
        before = service.get("/version").body
        change(service)
        second = json.loads(service.invoke("deploy", "--env=staging", "--gitops", "--json").stdout)
        assert second["outcome"] == "serving"
        assert service.get("/version").body != before

        back = service.invoke("rollback", "--env=staging", "--gitops")

    assert back.returncode == 0, back.stderr
    assert f"It serves in {CONTEXT}" in back.stdout
    assert service.get("/version").body == before
    assert [subject.partition(" ")[0] for subject in log(remote)[:3]] == ["Revert", "Deploy", "Deploy"]


def test_a_release_that_does_not_come_up_is_told_with_its_cause_and_stays_committed(
    service: ServiceInCluster, remote: Path, tmp_path: Path
) -> None:
    with followed(service, remote, tmp_path), serving_does(service, "os.Exit(7)"):
        done = service.invoke("deploy", "--env=staging", "--gitops")

    assert done.returncode == 5
    assert "exited at its start (exit code 7)" in done.stderr
    assert "serves in" not in done.stdout
    assert log(remote)[0].startswith("Deploy ")
    service.invoke("rollback", "--env=staging", "--gitops", "--timeout=1")


def test_a_cluster_that_does_not_follow_is_told_and_nothing_is_said_to_be_deployed(service: ServiceInCluster) -> None:
    change(service)

    done = service.invoke("deploy", "--env=staging", "--gitops", "--timeout=3")

    assert done.returncode == 5
    assert "the cluster has not followed the commit within 3 s" in done.stderr
    assert "eployed" not in done.stdout


def test_a_deploy_without_the_flag_is_refused(service: ServiceInCluster) -> None:
    done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "staging is deployed by commits" in done.stderr
    assert "--gitops" in done.stderr
