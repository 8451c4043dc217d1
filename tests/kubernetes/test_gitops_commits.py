"""A deploy by a commit: one line where only the image differs, pushed beside others, and reverted by a commit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service_tasks.engine.config.settings import GitOps
from service_tasks.engine.core.errors import DeployFault, LockedFault, MissingFault, UsageFault
from service_tasks.engine.core.runner import Runner
from service_tasks.engine.kubernetes.gitops import Overlay, image_in, with_image

from ..support.service import git

PATH = "deploy/kubernetes/overlays/prod"
TEXT = """\
resources:
  - ../../base
images:
  - name: other
    newName: registry.example.com/other
    newTag: v1
  - name: orders
    newName: registry.example.com/orders
    newTag: prod
patches:
  - target: {kind: HorizontalPodAutoscaler}
"""
VALUES = "APP_ENV=prod\n"


def image(number: int) -> str:
    """An image by its digest."""
    return f"registry.example.com/orders@sha256:{number:064x}"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A repository with the overlay, as a server has it."""
    work, bare = tmp_path / "work", tmp_path / "clusters.git"
    (work / PATH).mkdir(parents=True)
    (work / PATH / "kustomization.yaml").write_text(TEXT)
    (work / PATH / "config.env").write_text(VALUES)
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(work))
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(bare))
    return bare


@pytest.fixture
def overlay(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Overlay:
    """The overlay of prod, for somebody who has a name."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@localhost")
    return Overlay(Runner(tmp_path, False, sys.stderr), GitOps(str(remote), "main", PATH), "orders", "prod")


@pytest.fixture
def meanwhile(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Lets somebody else write a file just before the next push, once."""

    def write(path: str, text: str) -> None:
        other = tmp_path / "other"
        git(tmp_path, "clone", "--quiet", str(remote), str(other))
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_text(text)
        git(other, "add", "--all")
        git(other, "commit", "--quiet", "--message", "Something else")
        hook = remote / "hooks" / "pre-receive"
        # The first push is refused as the server has it: it finds the other's commit there.
        hook.write_text(
            f"#!/bin/sh\nrm {hook}\nunset GIT_QUARANTINE_PATH\n"
            f"git --git-dir={remote} fetch --quiet {other} main:main --update-head-ok >&2\nexit 0\n"
        )
        hook.chmod(0o755)

    return write


def shown(remote: Path) -> list[str]:
    """The lines that the last commit took away and added."""
    diff = git(remote, "show", "--format=", "--unified=0", "main")
    return [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def subjects(remote: Path) -> list[str]:
    """The branch's commits, the newest first."""
    return git(remote, "log", "--format=%s", "main").splitlines()


def test_a_deploy_is_one_line(overlay: Overlay, remote: Path) -> None:
    overlay.deploy("v1", image(1), VALUES)
    done = overlay.deploy("v2", image(2), VALUES)

    assert done is not None
    assert done.subject == "Deploy orders v2 to prod"
    assert shown(remote) == [f"-    digest: sha256:{1:064x}", f"+    digest: sha256:{2:064x}"]


def test_values_that_differ_are_committed_with_it(overlay: Overlay, remote: Path) -> None:
    overlay.deploy("v1", image(1), "APP_ENV=prod\nLOG_LEVEL=warn\n")

    assert "+LOG_LEVEL=warn" in shown(remote)


def test_the_same_again_is_no_commit(overlay: Overlay, remote: Path) -> None:
    overlay.deploy("v1", image(1), VALUES)

    assert overlay.deploy("v1", image(1), VALUES) is None
    assert subjects(remote) == ["Deploy orders v1 to prod", "Begin"]


def test_a_push_that_others_were_faster_than_comes_after_theirs(
    overlay: Overlay, remote: Path, meanwhile: Callable[[str, str], None]
) -> None:
    meanwhile("another-service/kustomization.yaml", "images: []\n")

    overlay.deploy("v1", image(1), VALUES)

    assert subjects(remote) == ["Deploy orders v1 to prod", "Something else", "Begin"]
    assert overlay.image() == image(1)


def test_somebody_who_changed_the_same_overlay_meanwhile_is_not_overwritten(
    overlay: Overlay, remote: Path, meanwhile: Callable[[str, str], None]
) -> None:
    meanwhile(f"{PATH}/kustomization.yaml", with_image(TEXT, "orders", image(9), PATH))

    with pytest.raises(LockedFault, match="somebody else has changed the overlay of prod meanwhile"):
        overlay.deploy("v1", image(1), VALUES)

    assert overlay.image() == image(9)


def test_a_rollback_reverts_the_last_deploy_and_then_the_one_before(overlay: Overlay, remote: Path) -> None:
    for number in (1, 2, 3):
        overlay.deploy(f"v{number}", image(number), VALUES)

    overlay.roll_back()
    assert overlay.image() == image(2)
    overlay.roll_back()

    assert overlay.image() == image(1)
    assert subjects(remote)[:2] == ['Revert "Deploy orders v2 to prod"', 'Revert "Deploy orders v3 to prod"']


def test_a_rollback_leaves_what_others_changed_since(overlay: Overlay, remote: Path, tmp_path: Path) -> None:
    overlay.deploy("v1", image(1), VALUES)
    overlay.deploy("v2", image(2), VALUES)
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(remote), str(other))
    path = other / PATH / "kustomization.yaml"
    path.write_text(path.read_text() + "  # more\n")
    git(other, "commit", "--quiet", "--all", "--message", "Say more")
    git(other, "push", "--quiet", "origin", "main")

    overlay.roll_back()

    assert overlay.image() == image(1)
    assert "# more" in git(remote, "show", f"main:{PATH}/kustomization.yaml")


def test_a_rollback_may_name_a_commit(overlay: Overlay, remote: Path) -> None:
    first = overlay.deploy("v1", image(1), VALUES)
    assert first is not None
    for number in (2, 3):
        overlay.deploy(f"v{number}", image(number), VALUES)

    done = overlay.roll_back(first.id)

    assert done.subject == f"Return orders in prod to {first.id[:12]}"
    assert overlay.image() == image(1)


def test_without_a_former_deploy_there_is_no_way_back(overlay: Overlay) -> None:
    overlay.deploy("v1", image(1), VALUES)

    with pytest.raises(DeployFault, match="no former release"):
        overlay.roll_back()


def test_a_repository_that_cannot_be_reached_is_told_without_its_password(overlay: Overlay) -> None:
    away = replace(overlay, gitops=GitOps("https://me:secret@127.0.0.1:1/clusters.git", "main", PATH))

    with pytest.raises(MissingFault) as fault:
        away.deploy("v1", image(1), VALUES)

    assert "cannot be cloned" in str(fault.value)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    "text", ["resources: []\n", "images:\n  - {name: orders, newTag: v1}\n", "images:\n  - name: orders\n"]
)
def test_an_overlay_without_an_image_to_change_is_refused(text: str) -> None:
    with pytest.raises(UsageFault):
        with_image(text, "orders", image(1), PATH)


def test_only_the_services_own_image_is_changed() -> None:
    changed = with_image(TEXT, "orders", image(7), PATH)

    assert "newTag: v1" in changed
    assert image_in(changed, "orders") == image(7)
    assert image_in(changed, "other") == ""
