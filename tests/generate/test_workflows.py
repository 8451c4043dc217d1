"""The workflows that a service gets: sound, with few rights, and of tasks that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..conftest import Render
from .pipelines import CHECK, DEPLOY, UPDATE, commands, jobs, steps, workflow

TASK = re.compile(r"\./inv ([\w.-]+)")
ALL = (CHECK, UPDATE, DEPLOY)
EVENTS = {"push", "pull_request", "schedule", "workflow_call", "workflow_dispatch"}
OF_WORKFLOW = {"name", "on", "permissions", "concurrency", "jobs"}
OF_JOB = {"runs-on", "timeout-minutes", "services", "env", "steps", "if", "needs", "environment", "permissions"}
OF_CALL = {"uses"}
"""The keys of a job that is another workflow."""
OF_STEP = {"name", "id", "if", "uses", "with", "env", "run"}


@pytest.fixture(scope="module", params=["postgres", "mysql", "none"])
def service(request: pytest.FixtureRequest, rendered: Render) -> Path:
    """A rendered service, to be read only."""
    return rendered(database=request.param)


@pytest.mark.parametrize("name", ALL)
def test_a_workflow_has_the_keys_that_github_knows(service: Path, name: str) -> None:
    document = workflow(service, name)

    assert set(document) <= OF_WORKFLOW
    assert {"on", "jobs", "permissions"} <= set(document)
    assert set(document["on"]) <= EVENTS
    for job in jobs(document):
        assert set(job) <= (OF_CALL if "uses" in job else OF_JOB)
        assert "uses" in job or {"runs-on", "timeout-minutes", "steps"} <= set(job)
    for step in steps(document):
        assert set(step) <= OF_STEP
        assert ("uses" in step) != ("run" in step)


@pytest.mark.parametrize(
    ("name", "rights"),
    [
        (CHECK, {"contents": "read"}),
        (UPDATE, {"contents": "write", "pull-requests": "write"}),
        (DEPLOY, {"contents": "read"}),
    ],
)
def test_a_workflow_has_no_more_rights_than_it_needs(service: Path, name: str, rights: dict[str, str]) -> None:
    assert workflow(service, name)["permissions"] == rights


@pytest.mark.parametrize("name", ALL)
def test_actions_are_those_of_github_pinned_by_commit_with_the_full_version_beside_it(service: Path, name: str) -> None:
    text = (service / ".github" / "workflows" / name).read_text()
    used = re.findall(r"- uses: (.*)", text)

    assert len(used) == 3
    assert [line for line in used if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("name", ALL)
def test_no_expression_is_put_into_a_command(service: Path, name: str) -> None:
    assert [step["run"] for step in steps(workflow(service, name)) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", ALL)
def test_expressions_arrive_as_github_reads_them(service: Path, name: str) -> None:
    text = (service / ".github" / "workflows" / name).read_text()
    found = re.findall(r"\$\{\{ ([^}]*) \}\}", text)

    assert found
    assert text.count("${{") == len(found)
    words = re.findall(r"[\w.-]+", re.sub(r"'[^']*'", "", " ".join(found)))
    assert {word.partition(".")[0] for word in words} <= {"github", "secrets", "steps", "vars"}


def test_the_tasks_that_workflows_call_are_the_services(service: Path) -> None:
    import service_tasks

    called = {
        task for name in ALL for step in steps(workflow(service, name)) for task in TASK.findall(step.get("run", ""))
    }

    assert {"lint", "test", "image", "deploy", "template.status", "template.update"} <= called
    assert called <= set(service_tasks.ns.task_names)


def test_a_change_is_linted_tested_and_built(service: Path) -> None:
    ran = [step["run"] for step in commands(service, "github", CHECK)]

    assert ran[-3:] == ["./inv lint", "./inv test", "./inv image"]


@pytest.mark.parametrize("name", ALL)
def test_forgejo_gets_the_same_workflows_in_its_own_folder(rendered: Render, service: Path, name: str) -> None:
    forgejo = rendered(ci="forgejo")
    text = (forgejo / ".forgejo" / "workflows" / name).read_text()

    used = re.findall(r"- uses: (.*)", text)
    pinned = r"https://data\.forgejo\.org/actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert used and [line for line in used if not re.fullmatch(pinned, line)] == []
    assert not (forgejo / ".github").exists()
    # What Forgejo passes over would only seem to hold.
    assert "permissions:" not in text and "environment:" not in text
    assert workflow(forgejo, name, "forgejo")["on"] == workflow(service, name)["on"]


def test_no_expression_of_forgejo_is_put_into_a_command(rendered: Render) -> None:
    folder = rendered(ci="forgejo", kubernetes=True)

    ran = [step["run"] for name in ALL for step in commands(folder, "forgejo", name)]

    assert len(ran) > 8 and [text for text in ran if "${{" in text] == []


def test_a_database_is_there_for_the_tests_where_the_service_has_one(rendered: Render) -> None:
    with_one, without = (jobs(workflow(rendered(database=name), CHECK))[0] for name in ("postgres", "none"))

    password = with_one["services"]["postgres"]["env"]["POSTGRES_PASSWORD"]
    assert f":{password}@127.0.0.1:5432/" in with_one["env"]["TEST_DATABASE_URL"]
    assert not {"services", "env"} & set(without)


def test_the_python_of_the_workflows_is_one_that_the_tasks_run_on(service: Path) -> None:
    for name in ALL:
        versions = [
            step["with"]["python-version"]
            for step in steps(workflow(service, name))
            if "python-version" in step.get("with", {})
        ]
        assert versions == ["3.12"]
