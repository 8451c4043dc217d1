"""What a run over many services refuses, what it only shows, and what a run that is ended leaves."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from maintain.fleet_sources import Source

from ..support.service import git
from ..support.template_versions import commit
from .services import FORMER, NEWER, Fleet, interrupted, make_fleet, names_and_contents

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_cancelled_job_end_all_and_leave_nothing(one: Fleet, sign: signal.Signals) -> None:
    run = interrupted(one, "orders", sign)

    assert run.returncode == 130
    assert run.stderr and "Traceback" not in run.stderr.read()
    assert one.branches("orders") == ["main"]
    assert one.clones() == []


def test_a_dry_run_changes_nothing_and_says_what_would_be(one: Fleet) -> None:
    done = one.run("fleet.update", "orders", "--dry")

    assert done.returncode == 0, done.stderr
    assert "would update" in done.stdout
    assert f"{FORMER} → {NEWER}" in done.stdout
    assert one.branches("orders") == ["main"]


def test_status_tells_who_is_behind_and_changes_nothing(one: Fleet) -> None:
    before = names_and_contents(one.folder)

    done = one.run("fleet.status", "orders", "--json")

    found = json.loads(done.stdout)["services"][0]
    assert (done.returncode, found["outcome"], found["update"]["from"], found["update"]["to"]) == (
        0,
        "behind",
        FORMER,
        NEWER,
    )
    assert names_and_contents(one.folder) == before


@pytest.fixture(scope="module")
def refused(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Three services that cannot be updated, each for another reason: the branch, another run, the template."""
    fleet = make_fleet(tmp_path_factory.mktemp("refused"), seed, "on-it", "held", "orphan")
    git(fleet.folder / "on-it", "switch", "--quiet", "--create", "mine")
    answers = fleet.folder / "orphan" / ".copier-answers.yml"
    answers.write_text(re.sub(r"_src_path: .*", "_src_path: /nowhere/copier-gin", answers.read_text()))
    commit(fleet.folder / "orphan")
    lock = fleet.home / "cache" / "copier-gin" / "fleet" / f"{Source('held', str(fleet.folder / 'held')).key}.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = fleet.run("fleet.update", "on-it", "held", "orphan", "--branch=mine", "--json")
    assert done.returncode == 6, done.stderr
    return {result["name"]: result for result in json.loads(done.stdout)["services"]}


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("on-it", 2, "mine is checked out there"),
        ("held", 6, "another run works on it"),
        ("orphan", 3, "the template cannot be reached\n  where: /nowhere/copier-gin"),
    ],
)
def test_what_cannot_be_updated_says_why(refused: dict[str, dict[str, Any]], name: str, code: int, told: str) -> None:
    assert refused[name]["code"] == code
    assert told in refused[name]["note"]
    assert "what to do: " in refused[name]["note"]


def test_a_repository_of_several_services_is_refused_with_the_way_to_update_them(seed: Path, tmp_path: Path) -> None:
    fleet = make_fleet(tmp_path, seed, "shop")
    for name in ("a", "b"):
        shutil.copytree(seed, fleet.folder / "company" / "services" / name, ignore=shutil.ignore_patterns(".git"))
        shutil.copytree(seed, fleet.folder / "shop" / name, ignore=shutil.ignore_patterns(".git"))
    git(fleet.folder / "company", "init", "--quiet", "--initial-branch=main", "--template=")
    for name in ("company", "shop"):
        commit(fleet.folder / name)

    done = fleet.run("fleet.status", "company", "company/services/a", "shop", "--json")

    whole, inside, top = json.loads(done.stdout)["services"]
    assert (done.returncode, whole["code"], inside["code"], top["code"]) == (2, 2, 2, 0)
    assert "it holds services in folders: services/a, services/b" in whole["note"]
    assert "not the top of a git repository" in inside["note"]
    assert all("./inv template.update in each folder" in one["note"] for one in (whole, inside))
    assert top["note"] == "services in its folders are left alone: a, b"


def test_the_token_of_a_service_s_address_is_never_shown(one: Fleet) -> None:
    secret = "hunter2token"
    addresses = [f"https://user:{secret}@localhost:1/users.git", f"https://localhost:1/orders.git?token={secret}"]

    done = one.run("fleet.update", *addresses, "--json", "--report=report")

    written = [path.name + path.read_text() for path in (one.folder / "report").iterdir()]
    assert done.returncode == 1, done.stderr
    assert "***@localhost:1/users.git" in done.stdout
    assert [result["name"] for result in json.loads(done.stdout)["services"]] == ["users", "orders"]
    assert secret not in "".join([done.stdout, done.stderr, *written])
