"""The workflows that a service gets: sound, with few rights, and of tasks that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..conftest import Render
from .workflows import CHECK, UPDATE, jobs, steps, workflow

TASK = re.compile(r"\./inv ([\w.-]+)")
EVENTS = {"push", "pull_request", "schedule", "workflow_dispatch"}
OF_WORKFLOW = {"name", "on", "permissions", "concurrency", "jobs"}
OF_JOB = {"runs-on", "timeout-minutes", "services", "env", "steps"}
OF_STEP = {"name", "id", "if", "uses", "with", "env", "run"}


@pytest.fixture(scope="module", params=["postgres", "none"])
def service(request: pytest.FixtureRequest, rendered: Render) -> Path:
    """A rendered service, to be read only."""
    return rendered(database=request.param)


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
