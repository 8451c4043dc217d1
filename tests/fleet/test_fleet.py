"""Many services are brought to a newer template by one command, and each is left as its owner had it."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from maintain import fleet_report
from maintain.fleet import read_jobs
from maintain.fleet_result import Result
from maintain.fleet_sources import Source, read_sources
from maintain.fleet_table import Progress
from maintain.rendering import example_answers
from service_tasks.engine import update_text
from service_tasks.engine.errors import UsageFault
from service_tasks.engine.toolchain import find_go

from ..support.service import ROOT, git
from ..support.template_versions import Template, commit, make_template

pytestmark = pytest.mark.slow

BRANCH = "template-update/v1.3.0"
FORMER, NEWER = "v1.1.0", "v1.3.0"
QUIET = 'package order\n\nimport "example.com/shop/orders/internal/platform/log"\n\nvar quiet = log.Discard()\n'
"""Code of a service's own that needs what the newer template has dropped."""


@dataclass(frozen=True)
class Fleet:
    """Services in one folder, and a place for what the task keeps between runs."""

    folder: Path
    home: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a task of the template's, from the folder of the services."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *words]

    def environment(self) -> dict[str, str]:
        """State and clones of its own; Go's cache is that of all tests, and takes no note of where a clone is."""
        cache = subprocess.run([find_go(), "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip()
        own = {"XDG_STATE_HOME": str(self.home / "state"), "XDG_CACHE_HOME": str(self.home / "cache")}
        return {**os.environ, **own, "GOCACHE": cache, "GOFLAGS": "-trimpath", "NO_COLOR": "1"}

    def branches(self, name: str) -> list[str]:
        return git(self.folder / name, "branch", "--format=%(refname:short)").split()

    def clones(self) -> list[Path]:
        return list((self.home / "cache").glob("copier-gin/fleet/*.clone/*/.git/HEAD"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("template") / "copier-gin")


@pytest.fixture(scope="module")
def seed(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service of the former version."""
    answers = {**example_answers(), "database": "none"}
    return template.service(tmp_path_factory.mktemp("seed") / "orders", FORMER, **answers)


def make_fleet(folder: Path, seed: Path, *names: str) -> Fleet:
    (folder / "services").mkdir()
    for name in names:
        shutil.copytree(seed, folder / "services" / name, symlinks=True)
        git(folder / "services" / name, "config", "user.name", f"Owner of {name}")
        git(folder / "services" / name, "config", "user.email", f"{name}@example.com")
    return Fleet(folder / "services", folder)


@pytest.fixture
def one(seed: Path, tmp_path: Path) -> Fleet:
    """A fleet of one service."""
    return make_fleet(tmp_path, seed, "orders")


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


def names_and_contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}


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


def interrupted(fleet: Fleet, name: str, sign: signal.Signals) -> subprocess.Popen[str]:
    """A run that gets a signal while a clone is worked on."""
    run = subprocess.Popen(
        fleet.command("fleet.update", name),
        cwd=fleet.folder,
        env=fleet.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: bool(fleet.clones()) or run.poll() is not None)
    run.send_signal(sign)
    run.wait(timeout=30)
    return run


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


# --- One run over four services -------------------------------------------------------------------


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


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_cancelled_job_end_all_and_leave_nothing(one: Fleet, sign: signal.Signals) -> None:
    run = interrupted(one, "orders", sign)

    assert run.returncode == 130
    assert run.stderr and "Traceback" not in run.stderr.read()
    assert one.branches("orders") == ["main"]
    assert one.clones() == []


# --- What it refuses, and what it only shows ------------------------------------------------------


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


# --- The words on the command line ----------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("a/orders", "b/orders", "billing"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def named(sources: Sequence[Source]) -> list[str]:
    return [source.name for source in sources]


def test_a_list_may_hold_folders_urls_and_comments(folders: Path) -> None:
    (folders / "a" / "list").write_text(
        "# All of them.\n../billing\norders # here\n\nssh://git@example.com/shop/users.git\n"
    )

    sources = read_sources(["a/list", "git@example.com:shop/carts.git"], folders)

    assert named(sources) == ["billing", "orders", "users", "carts"]
    assert [source.folder for source in sources] == [folders / "billing", folders / "a" / "orders", None, None]


def test_a_service_named_twice_is_done_once_and_two_of_one_name_are_told_apart(folders: Path) -> None:
    assert named(read_sources(["a/orders", "b/orders", "./a/orders/"], folders)) == ["orders", "orders-2"]


@pytest.mark.parametrize("words", [[], ["nowhere"]])
def test_words_that_name_no_service_are_refused(words: list[str], folders: Path) -> None:
    with pytest.raises(UsageFault):
        read_sources(words, folders)


def test_a_wrong_line_of_a_list_is_told_with_its_number(folders: Path) -> None:
    (folders / "list").write_text("billing\nnowhere\n")

    with pytest.raises(UsageFault) as refusal:
        read_sources(["list"], folders)

    assert refusal.value.where == f"{folders / 'list'}:2"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "99"])
def test_a_number_of_jobs_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageFault, match="from 1 to"):
        read_jobs(text)


# --- Reports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codes", "code"), [([], 0), ([0, 0], 0), ([0, 4], 4), ([4, 7, 2], 7), ([0, 3, 2], 3)])
def test_the_exit_code_is_the_highest_of_all(codes: list[int], code: int) -> None:
    assert fleet_report.exit_code([Result(str(number), "", code=each) for number, each in enumerate(codes)]) == code


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(monkeypatch: pytest.MonkeyPatch, output: io.StringIO, no_color: str) -> str:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    progress = Progress(output, [Source("orders", "/orders"), Source("billing", "/billing")])
    with progress.shown():
        progress.begins("orders", "clone")
        progress.ends(Result("orders", "/orders", outcome="updated", update={"from": FORMER, "to": NEWER}))
        progress.ends(Result("billing", "/billing", code=4, outcome="build failed"))
    return output.getvalue()


def test_a_terminal_shows_a_table_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(monkeypatch, Terminal(), "")

    assert "service" in shown
    assert "\x1b[32m" in shown
    assert "\x1b[31m" in shown


def test_no_color_leaves_the_table_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(monkeypatch, Terminal(), "1")

    assert "build failed" in shown
    assert "\x1b[32m" not in shown
    assert "\x1b[31m" not in shown


def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert show(monkeypatch, io.StringIO(), "").splitlines() == [
        "✓ orders      0.0 s  updated  v1.1.0 → v1.3.0",
        "✗ billing     0.0 s  build failed",
    ]


UPDATE: dict[str, Any] = {
    "service": "orders",
    "from": FORMER,
    "to": NEWER,
    "branch": BRANCH,
    "changed": [f"internal/file{number}.go" for number in range(100)],
    "conflicts": [{"path": "a|b.go", "why": "both\nchanged it"}, {"path": "Dockerfile", "why": "both changed it"}],
    "variables": {"dev": {"added": ["QUEUE_URL"], "dropped": []}, "prod": {"added": [], "dropped": []}},
    "checks": {"build": "failed", "test": "skipped"},
    "error": "go build fails\n```\nmain.go:1",
    "changelog": "## [1.3.0]\n\n### Added\n\n- A queue.\n" + "- And more.\n" * 5000,
}


def test_the_text_of_a_pull_request_begins_with_what_must_be_done() -> None:
    text = update_text.body(UPDATE)

    assert text.index("2 files have conflicts") < text.index("## Checks") < text.index("## Files")
    assert f"git switch {BRANCH}" in text
    assert "- build: **failed**" in text
    assert "`QUEUE_URL`" in text
    assert "`prod`" not in text


def test_the_text_of_a_pull_request_is_sound_markdown_and_short_enough() -> None:
    text = update_text.body(UPDATE)

    assert "| `a\\|b.go` | both changed it |" in text
    assert text.count("```") == 4
    assert "### [1.3.0]" in text
    assert "and 40 more" in text
    assert len(text) < 65_536


def test_what_did_not_happen_has_no_heading() -> None:
    assert update_text.body({"service": "orders", "from": FORMER, "to": NEWER}) == (
        "Brings `orders` from `v1.1.0` to `v1.3.0` of its template.\n"
    )
