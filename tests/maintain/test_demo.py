"""The maintainers' tasks that show a service at work: demo, and the example service at the root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maintain.base_images import Choice
from maintain.example import make_service, run_task

from ..support.demos import demo_home, left, run, start

pytestmark = pytest.mark.slow

NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return demo_home(tmp_path)


def test_without_docker_the_demo_deploys_processes_and_says_why(home: dict[str, str]) -> None:
    status, said = run({**home, **NO_ENGINE})

    assert status == 0, said
    assert "Target: process (no Docker engine answers here)" in said
    assert "Deployed " in said
    assert "/v1/orders" in said
    assert "the same" in said
    assert left(home) == []


@pytest.mark.docker
def test_with_docker_the_demo_deploys_a_stack(home: dict[str, str], base_images: dict[str, str]) -> None:
    status, said = run(home)

    assert status == 0, said
    assert "Target: docker (a Docker engine answers)" in said
    assert "app-blue" in said
    assert "the same" in said
    assert left(home) == []


def test_two_demos_at_once_do_not_meet(home: dict[str, str]) -> None:
    both = [start(home, "--target=process") for _ in range(2)]
    said = [process.communicate(timeout=600)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert left(home) == []


def test_a_demo_that_was_killed_is_taken_down_by_the_next(home: dict[str, str]) -> None:
    killed = start(home, "--target=process")
    assert killed.stdout
    next(line for line in killed.stdout if "Deployed" in line)
    killed.kill()
    killed.communicate()
    assert left(home)

    status, said = run(home, "--target=process")

    assert status == 0, said
    assert "left by a run that was killed" in said
    assert left(home) == []


def test_a_demo_that_is_kept_stays_up_until_it_is_taken_down(home: dict[str, str]) -> None:
    status, said = run(home, "--target=process", "--keep")
    folder = next(Path(home["TMPDIR"]).glob("*demo*/*"))
    down = subprocess.run(
        [sys.executable, "-m", "invoke", "down", "--env=staging", "--volumes", "--yes"],
        cwd=folder,
        env={**os.environ, **home},
        check=False,
    )

    assert status == 0, said
    assert f"cd {folder}" in said
    assert down.returncode == 0


def test_an_unknown_target_is_refused(home: dict[str, str]) -> None:
    status, said = run(home, "--target=moon")

    assert status == 2
    assert '"moon" is not a target' in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--target=kubernetes", "--registry=localhost:5000/demo"), "a cluster is not chosen by itself"),
        (("--target=kubernetes", "--context=somewhere"), "have to get the image from a registry"),
        (("--target=process", "--context=somewhere"), "are for --target=kubernetes"),
    ],
)
def test_a_cluster_is_never_chosen_by_itself(home: dict[str, str], words: tuple[str, ...], told: str) -> None:
    status, said = run(home, *words)

    assert status == 2, said
    assert told in said
    assert left(home) == []


def test_the_example_service_is_driven_by_its_own_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_service(tmp_path / "example", Choice("process", "for this test", {}), {})

    assert run_task(tmp_path / "example", ["env.check"]) == 0
    assert run_task(tmp_path / "example", ["status", "--env=staging", "--json"]) == 0
    assert run_task(tmp_path / "example", ["rollback", "--env=staging"]) == 5
