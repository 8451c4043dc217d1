"""The commands of a service's workflows do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from maintain.rendering import example_answers

from ..support.service import git
from ..support.template_versions import Template, commit
from .workflows import CHECK, UPDATE, steps, workflow

pytestmark = pytest.mark.slow

BRANCH = "template-update/v1.3.0"

GH = """#!/usr/bin/env bash
printf '%s\\n' "$@" >> "$GH_CALLS"
while [ $# -gt 0 ]; do
  if [ "$1" = --body-file ]; then cp "$2" "$GH_BODY"; fi
  shift
done
"""
"""A `gh` that writes down how it was called."""


@dataclass
class Runner:
    """A machine that runs the commands of a workflow in a clone of a service, with a `gh` that only writes down."""

    folder: Path
    home: Path

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a workflow's commands one after the other, as GitHub would; gives the last that ran."""
        outputs: dict[str, str] = {}
        done = subprocess.CompletedProcess[str]([], 0, "", "")
        for step in steps(workflow(self.folder, name)):
            if "run" not in step or not self._wanted(step, outputs):
                continue
            done = self._step(step, outputs)
            if done.returncode:
                break
        return done

    def calls(self) -> str:
        """How `gh` was called."""
        return (self.home / "calls").read_text()

    def body(self) -> str:
        """The text of the pull request."""
        return (self.home / "body.md").read_text()

    def summary(self) -> str:
        return (self.home / "summary").read_text()

    def _wanted(self, step: dict[str, Any], outputs: dict[str, str]) -> bool:
        condition = re.fullmatch(r"steps\.look\.outputs\.(\w+) != ''", step.get("if", "")) if "if" in step else None
        assert condition or "if" not in step, "a condition that this test does not know"
        return not condition or bool(outputs.get(condition[1]))

    def _step(self, step: dict[str, Any], outputs: dict[str, str]) -> subprocess.CompletedProcess[str]:
        script, output = self.home / "script.sh", self.home / "output"
        # The packages are here already: nothing is to be installed for the service.
        script.write_text(step["run"].replace("./inv ", f"{sys.executable} -m invoke "))
        output.write_text("")
        named = {key: outputs[value[len("${{ steps.look.outputs.") : -3]] for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env={**os.environ, **self._variables(), **named},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        outputs.update(re.findall(r"^(\w+)=(.*)$", output.read_text(), re.MULTILINE))
        return done

    def _variables(self) -> dict[str, str]:
        here = {name: str(self.home / name) for name in ("state", "output", "summary", "calls", "body.md")}
        return {
            "PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.home),
            "GITHUB_OUTPUT": here["output"],
            "GITHUB_STEP_SUMMARY": here["summary"],
            "GH_CALLS": here["calls"],
            "GH_BODY": here["body.md"],
            "XDG_STATE_HOME": here["state"],
        }


@pytest.fixture(scope="module")
def origin(template_versions: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bare repository of a service of a former version, whose user and the template disagree on one line."""
    folder = tmp_path_factory.mktemp("service")
    service = template_versions.service(folder / "orders", "v1.2.0", **{**example_answers(), "database": "none"})
    dockerfile = service / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("EXPOSE 8080/tcp", "EXPOSE 8081"))
    commit(service, "Another port")
    git(folder, "clone", "--quiet", "--bare", str(service), "orders.git")
    return folder / "orders.git"


def checkout(origin: Path, home: Path) -> Runner:
    """A machine with a fresh clone, as the first action makes it."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "gh").write_text(GH)
    (home / "bin" / "gh").chmod(0o755)
    (home / "calls").write_text("")
    git(home, "clone", "--quiet", str(origin), "orders")
    return Runner(home / "orders", home)


@pytest.fixture(scope="module")
def opened(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The machine after the workflow has found a newer version."""
    runner = checkout(origin, tmp_path_factory.mktemp("runner") / "home")
    done = runner.run(UPDATE)
    assert done.returncode == 0, done.stdout + done.stderr
    yield runner


def test_a_newer_version_becomes_a_branch_and_a_pull_request(opened: Runner, origin: Path) -> None:
    assert "_commit: v1.3.0" in git(origin, "show", f"{BRANCH}:.copier-answers.yml")
    assert git(origin, "log", "-1", "--format=%s", BRANCH).strip() == "Update the template to v1.3.0"
    assert "pr\ncreate\n--head\n" + BRANCH in opened.calls()
    assert "_commit: v1.2.0" in git(origin, "show", "main:.copier-answers.yml")


def test_the_text_of_the_pull_request_names_the_conflicts(opened: Runner, origin: Path) -> None:
    assert "One file has conflicts" in opened.body()
    assert "`Dockerfile`" in opened.body()
    assert opened.summary() == opened.body()
    assert "<<<<<<< " in git(origin, "show", f"{BRANCH}:Dockerfile")


def test_a_change_with_a_conflict_in_it_is_refused_by_the_checks(opened: Runner) -> None:
    done = opened.run(CHECK)

    assert done.returncode == 1
    assert "Dockerfile:" in done.stdout


def test_a_branch_that_is_there_is_left_alone(opened: Runner, origin: Path, tmp_path: Path) -> None:
    before = git(origin, "rev-parse", BRANCH)
    runner = checkout(origin, tmp_path / "home")

    done = runner.run(UPDATE)

    assert done.returncode == 0, done.stderr
    assert "is there already" in done.stdout
    assert "create" not in runner.calls()
    assert git(origin, "rev-parse", BRANCH) == before


def test_on_the_newest_version_nothing_happens(template_versions: Template, tmp_path: Path) -> None:
    newest = template_versions.newest
    service = template_versions.service(tmp_path / "orders", newest, **{**example_answers(), "database": "none"})
    runner = checkout(service, tmp_path / "home")

    done = runner.run(UPDATE)

    assert done.returncode == 0, done.stderr
    assert "on the newest version" in done.stdout
    assert "create" not in runner.calls()
    assert git(service, "branch", "--format=%(refname:short)").split() == ["main"]


def test_a_template_that_cannot_be_reached_fails_the_workflow(origin: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "orders.git")
    runner = checkout(tmp_path / "orders.git", tmp_path / "home")
    answers = runner.folder / ".copier-answers.yml"
    answers.write_text(re.sub(r"_src_path: .*", "_src_path: /nowhere", answers.read_text()))

    assert runner.run(UPDATE).returncode == 3


def test_the_text_is_made_with_nothing_but_python(opened: Runner, tmp_path: Path) -> None:
    """The update may have left conflicts in the tasks, or in the packages that they need."""
    script = shutil.copy(opened.folder / "tasks" / "engine" / "template" / "update_text.py", tmp_path)
    (tmp_path / "update.json").write_text(json.dumps({"service": "orders", "from": "v1.0.0", "to": "v2.0.0"}))

    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(tmp_path / "update.json")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("Brings `orders`"), done.stderr
