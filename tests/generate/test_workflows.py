"""The workflows that a service gets: sound, with few rights, and their commands do what they say."""

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
import yaml

from maintain.rendering import example_answers

from ..conftest import Render
from ..support.service import git
from ..support.template_versions import Template, commit, make_template

CHECK, UPDATE = "ci.yml", "template-update.yml"
TASK = re.compile(r"\./inv ([\w.-]+)")
BRANCH = "template-update/v1.3.0"
EVENTS = {"push", "pull_request", "schedule", "workflow_dispatch"}
OF_WORKFLOW = {"name", "on", "permissions", "concurrency", "jobs"}
OF_JOB = {"runs-on", "timeout-minutes", "services", "env", "steps"}
OF_STEP = {"name", "id", "if", "uses", "with", "env", "run"}

GH = """#!/usr/bin/env bash
printf '%s\\n' "$@" >> "$GH_CALLS"
while [ $# -gt 0 ]; do
  if [ "$1" = --body-file ]; then cp "$2" "$GH_BODY"; fi
  shift
done
"""
"""A `gh` that writes down how it was called."""


def workflow(folder: Path, name: str) -> dict[str, Any]:
    """A workflow of a service; YAML reads the key `on` as the truth value that it is in its first version."""
    document = yaml.safe_load((folder / ".github" / "workflows" / name).read_text())
    return {"on" if key is True else key: value for key, value in document.items()}


def jobs(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["jobs"].values())


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in jobs(document) for step in job["steps"]]


@pytest.fixture(scope="module", params=["postgres", "none"])
def service(request: pytest.FixtureRequest, rendered: Render) -> Path:
    """A rendered service, to be read only."""
    return rendered(database=request.param)


# --- What they are --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [CHECK, UPDATE])
def test_a_workflow_has_the_keys_that_github_knows(service: Path, name: str) -> None:
    document = workflow(service, name)

    assert set(document) <= OF_WORKFLOW
    assert {"on", "jobs", "permissions"} <= set(document)
    assert set(document["on"]) <= EVENTS
    for job in jobs(document):
        assert set(job) <= OF_JOB
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
    for step in steps(document):
        assert set(step) <= OF_STEP
        assert ("uses" in step) != ("run" in step)


@pytest.mark.parametrize(
    ("name", "rights"),
    [(CHECK, {"contents": "read"}), (UPDATE, {"contents": "write", "pull-requests": "write"})],
)
def test_a_workflow_has_no_more_rights_than_it_needs(service: Path, name: str, rights: dict[str, str]) -> None:
    assert workflow(service, name)["permissions"] == rights


@pytest.mark.parametrize("name", [CHECK, UPDATE])
def test_actions_are_those_of_github_pinned_by_commit_with_the_full_version_beside_it(service: Path, name: str) -> None:
    text = (service / ".github" / "workflows" / name).read_text()
    used = re.findall(r"uses: (.*)", text)

    assert len(used) == 3
    assert [line for line in used if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("name", [CHECK, UPDATE])
def test_no_expression_is_put_into_a_command(service: Path, name: str) -> None:
    assert [step["run"] for step in steps(workflow(service, name)) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", [CHECK, UPDATE])
def test_expressions_arrive_as_github_reads_them(service: Path, name: str) -> None:
    text = (service / ".github" / "workflows" / name).read_text()
    found = re.findall(r"\$\{\{ ([^}]*) \}\}", text)

    assert found
    assert text.count("${{") == len(found)
    assert {re.split(r"\.", word)[0] for word in re.findall(r"[\w.-]+", " ".join(found))} <= {
        "github",
        "secrets",
        "steps",
    }


def test_the_tasks_that_workflows_call_are_the_services(service: Path) -> None:
    import service_tasks

    called = {
        task
        for name in (CHECK, UPDATE)
        for step in steps(workflow(service, name))
        for task in TASK.findall(step.get("run", ""))
    }

    assert {"lint", "test", "image", "template.status", "template.update"} <= called
    assert called <= set(service_tasks.ns.task_names)


def test_a_change_is_linted_tested_and_built(service: Path) -> None:
    commands = [step["run"] for step in steps(workflow(service, CHECK)) if "run" in step]

    assert commands[-3:] == ["./inv lint", "./inv test", "./inv image"]


def test_a_database_is_there_for_the_tests_where_the_service_has_one(rendered: Render) -> None:
    with_one, without = (jobs(workflow(rendered(database=name), CHECK))[0] for name in ("postgres", "none"))

    password = with_one["services"]["postgres"]["env"]["POSTGRES_PASSWORD"]
    assert f":{password}@127.0.0.1:5432/" in with_one["env"]["TEST_DATABASE_URL"]
    assert not {"services", "env"} & set(without)


def test_the_python_of_the_workflows_is_one_that_the_tasks_run_on(service: Path) -> None:
    for name in (CHECK, UPDATE):
        versions = [
            step["with"]["python-version"]
            for step in steps(workflow(service, name))
            if "python-version" in step.get("with", {})
        ]
        assert versions == ["3.12"]


# --- What their commands do -----------------------------------------------------------------------


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
            "GOFLAGS": "-trimpath",
        }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("template") / "copier-gin")


@pytest.fixture(scope="module")
def origin(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bare repository of a service of a former version, whose user and the template disagree on one line."""
    folder = tmp_path_factory.mktemp("service")
    service = template.service(folder / "orders", "v1.2.0", **{**example_answers(), "database": "none"})
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


def test_on_the_newest_version_nothing_happens(template: Template, tmp_path: Path) -> None:
    service = template.service(tmp_path / "orders", template.newest, **{**example_answers(), "database": "none"})
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
    script = shutil.copy(opened.folder / "tasks" / "engine" / "update_text.py", tmp_path)
    (tmp_path / "update.json").write_text(json.dumps({"service": "orders", "from": "v1.0.0", "to": "v2.0.0"}))

    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(tmp_path / "update.json")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("Brings `orders`"), done.stderr
