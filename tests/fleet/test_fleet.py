"""Many services are brought to a newer template by one command, and each is left as its owner had it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..support.service import git
from ..support.template_versions import commit
from .services import BRANCH, NEWER, Fleet, interrupted, make_fleet, names_and_contents

pytestmark = pytest.mark.slow

QUIET = 'package order\n\nimport "example.com/shop/orders/internal/platform/log"\n\nvar quiet = log.Discard()\n'
"""Code of a service's own that needs what the newer template has dropped."""


@pytest.fixture(scope="module")
def fleet(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """One service under work, one with a conflict, one behind a URL that will not build, and one that is none."""
    fleet = make_fleet(tmp_path_factory.mktemp("fleet"), seed, "worked-on", "disputed", "broken")
    folder = fleet.folder
    (folder / "no-service").mkdir()
    git(folder / "no-service", "init", "--quiet")
    commit(folder / "no-service", "Something else")

    git(folder / "worked-on", "switch", "--quiet", "--create", "feature")
    (folder / "worked-on" / "README.md").write_text("Not committed yet.\n")
    (folder / "worked-on" / ".env.dev.local").write_text("LOG_LEVEL=debug\n")
    dockerfile = folder / "disputed" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("EXPOSE 8080/tcp", "EXPOSE 8081"))
    commit(folder / "disputed", "Another port")
    (folder / "broken" / "internal" / "order" / "quiet.go").write_text(QUIET)
    commit(folder / "broken", "A logger that is quiet")
    git(folder, "clone", "--quiet", "--bare", "broken", "remote.git")
    (folder / "services.txt").write_text("disputed  # the one with a conflict\n\nno-service\n")
    return fleet


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, Any]:
    """What the service under work is before the run."""
    folder = fleet.folder / "worked-on"
    return {
        "files": names_and_contents(folder),
        "head": git(folder, "symbolic-ref", "HEAD"),
        "index": git(folder, "ls-files", "--stage"),
        "status": git(folder, "status", "--porcelain"),
    }


@pytest.fixture(scope="module")
def killed(fleet: Fleet, before: dict[str, Any]) -> list[str]:
    """The branches that a service has after a run over it was killed."""
    assert interrupted(fleet, "worked-on", signal.SIGKILL).returncode == -signal.SIGKILL
    assert fleet.clones()
    return fleet.branches("worked-on")


@pytest.fixture(scope="module")
def first(fleet: Fleet, killed: list[str]) -> subprocess.CompletedProcess[str]:
    """The run: folders, a URL and a file that lists the others."""
    url = f"file://{fleet.folder / 'remote.git'}"
    return fleet.run("fleet.update", "worked-on", url, "services.txt", "--jobs=2", "--json", "--report=report")


@pytest.fixture(scope="module")
def document(first: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(first.stdout)
    return document


def test_the_report_says_what_became_of_each(document: dict[str, Any]) -> None:
    assert {service["name"]: (service["outcome"], service["code"]) for service in document["services"]} == {
        "worked-on": ("updated", 0),
        "remote": ("build failed", 4),
        "disputed": ("conflicts", 7),
        "no-service": ("failed", 2),
    }


def test_conflicts_decide_the_exit_code(first: subprocess.CompletedProcess[str], document: dict[str, Any]) -> None:
    assert first.returncode == document["code"] == 7


def test_progress_goes_to_standard_error_a_line_per_service(first: subprocess.CompletedProcess[str]) -> None:
    lines = first.stderr.splitlines()

    for name in ("worked-on", "remote", "disputed", "no-service"):
        assert sum(line[2:].startswith(f"{name} ") for line in lines) == 1
    assert "\x1b" not in first.stderr


def test_the_branch_has_the_new_version_in_a_folder_and_behind_a_url_and_was_tested(
    fleet: Fleet, document: dict[str, Any]
) -> None:
    for result in document["services"][:2]:
        folder = Path(result["source"].removeprefix("file://"))
        assert f"_commit: {NEWER}" in git(folder, "show", f"{BRANCH}:.copier-answers.yml")
        assert git(folder, "rev-parse", BRANCH).strip() == result["commit"]
    assert document["services"][0]["update"]["checks"] == {"build": "passed", "test": "passed"}
    assert git(fleet.folder / "worked-on", "log", "-1", "--format=%an", BRANCH).strip() == "Owner of worked-on"


def test_what_is_checked_out_stays_as_it_was(fleet: Fleet, before: dict[str, Any], document: dict[str, Any]) -> None:
    folder = fleet.folder / "worked-on"

    assert names_and_contents(folder) == before["files"]
    assert git(folder, "symbolic-ref", "HEAD") == before["head"]
    assert git(folder, "ls-files", "--stage") == before["index"]
    assert git(folder, "status", "--porcelain") == before["status"]
    assert "uncommitted" in document["services"][0]["note"]
    assert "README.md" not in git(folder, "diff", "--name-only", f"feature..{BRANCH}")


def test_a_conflict_is_on_the_branch_and_named(fleet: Fleet, document: dict[str, Any]) -> None:
    disputed = document["services"][2]

    assert [item["path"] for item in disputed["update"]["conflicts"]] == ["Dockerfile"]
    text = git(fleet.folder / "disputed", "show", f"{BRANCH}:Dockerfile")
    assert "<<<<<<< " in text
    assert "EXPOSE 8081" in text
    assert "Dockerfile: " in git(fleet.folder / "disputed", "log", "-1", "--format=%b", BRANCH)
    assert "<<<<<<< " not in (fleet.folder / "disputed" / "Dockerfile").read_text()


def test_a_broken_build_is_told_with_the_compilers_words(document: dict[str, Any]) -> None:
    assert "quiet.go:5" in document["services"][1]["update"]["error"]


def test_the_summary_lists_all_and_says_what_is_left_to_do(fleet: Fleet, document: dict[str, Any]) -> None:
    summary = (fleet.folder / "report" / "summary.md").read_text()
    table, _, left = summary.partition("## What is left to do")

    assert table.count("\n| ") == 1 + len(document["services"])
    assert "Dockerfile: " in left
    assert "undefined: log.Discard" in left
    assert "not made from a template" in left
    assert json.loads((fleet.folder / "report" / "report.json").read_text()) == document


def test_every_branch_has_the_text_of_its_pull_request(fleet: Fleet, document: dict[str, Any]) -> None:
    texts = {path.stem for path in (fleet.folder / "report").glob("*.md")} - {"summary"}

    assert texts == {result["name"] for result in document["services"] if result["commit"]}
    assert "One file has conflicts" in (fleet.folder / "report" / "disputed.md").read_text()


def test_a_killed_run_left_nothing_in_the_service_and_this_one_made_up_for_it(
    fleet: Fleet, killed: list[str], document: dict[str, Any]
) -> None:
    assert killed == ["feature", "main"]
    assert fleet.branches("worked-on") == ["feature", "main", BRANCH]
    assert fleet.clones() == []


# --- Running again --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(fleet: Fleet, document: dict[str, Any]) -> dict[str, Any]:
    """A run over the same services, after somebody has resolved the conflict on its branch."""
    folder = fleet.folder / "disputed"
    git(folder, "switch", "--quiet", BRANCH)
    dockerfile = folder / "Dockerfile"
    kept = [
        line for line in dockerfile.read_text().splitlines(True) if line[:7] not in ("<<<<<<<", "=======", ">>>>>>>")
    ]
    dockerfile.write_text("".join(line for line in kept if line != "EXPOSE 8080\n"))
    commit(folder, "Keep our port")
    git(folder, "switch", "--quiet", "main")
    done = fleet.run("fleet.update", "worked-on", "disputed", f"file://{fleet.folder / 'remote.git'}", "--json")
    again: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 4, done.stderr
    return again


def test_what_an_earlier_run_did_is_not_done_again(document: dict[str, Any], second: dict[str, Any]) -> None:
    known = {result["name"]: result for result in document["services"]}

    assert [(result["name"], result["continued"]) for result in second["services"]] == [
        ("worked-on", True),
        ("disputed", True),
        ("remote", True),
    ]
    for result in (second["services"][0], second["services"][2]):
        assert result["commit"] == known[result["name"]]["commit"]
    assert second["services"][0]["update"] == known["worked-on"]["update"]


def test_a_branch_that_somebody_has_mended_is_judged_by_what_is_in_it(second: dict[str, Any]) -> None:
    disputed = second["services"][1]

    assert (disputed["outcome"], disputed["code"]) == ("updated", 0)
    assert disputed["update"]["checks"] == {"build": "passed", "test": "passed"}
    assert "docker-compose.yml" in disputed["update"]["changed"]


def test_a_build_that_failed_is_tried_again(second: dict[str, Any]) -> None:
    assert (second["services"][2]["outcome"], second["services"][2]["code"]) == ("build failed", 4)
