"""What comes out of the template, whatever the answers: complete, clean and without traces of what is off."""

from __future__ import annotations

import filecmp
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config

from maintain.rendering import example_answers
from service_tasks.engine.config.checks import check
from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.settings import read_settings

from ..support.service import ROOT, git
from ..support.text_rules import REGISTRIES, UNFINISHED, WORKPLACES, matches, texts
from .copying import copy_in_process, files, of_the_service
from .matrix import (
    MATRIX,
    SERVERS,
    TRACES,
    WITHOUT_CHANGES,
    WITHOUT_DATABASE,
    WITHOUT_PIPELINES,
    WITHOUT_RECONCILER,
    WITHOUT_RULES_FILE,
    WITHOUT_SERVER,
)

JINJA = re.compile(r"(?<!\$)\{\{-? \w|\{%|%\}|\{#|#\}")
"""Jinja as this template writes it. Not Go's nested literals, not the expressions of GitHub's workflows."""

# What docker-compose.yml reads beside the schema: the tasks hand it in.
INTERNAL_VARIABLES = {"APP_IMAGE", "APP_ENV_FILE", "POSTGRES_PASSWORD", "MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD"}


@dataclass(frozen=True)
class Combination:
    """A rendered service, to be read only, and the answers that differ from the example's."""

    folder: Path
    answers: dict[str, Any]


@pytest.fixture(scope="module", params=MATRIX, ids=lambda answers: "-".join(map(str, answers.values())))
def combination(
    request: pytest.FixtureRequest, untracked_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Combination:
    """A service for every line of the matrix."""
    folder = tmp_path_factory.mktemp("combination") / "service"
    copy_in_process(untracked_template, folder, {**example_answers(), **request.param})
    return Combination(folder, request.param)


def test_no_jinja_is_left_over(combination: Combination) -> None:
    folder = combination.folder

    assert [name for name in files(folder) if JINJA.search(name) or name.endswith(".jinja")] == []
    assert matches(JINJA, folder, of_the_service(folder)) == []


def test_text_is_clean(combination: Combination) -> None:
    folder = combination.folder
    faults = []
    for name, text in texts(folder, files(folder)):
        if name.endswith("__init__.py") and not text:
            continue
        if not text.strip():
            faults.append(f"{name} is empty")
        elif not text.endswith("\n") or text.endswith("\n\n"):
            faults.append(f"{name} does not end with one line end")
        if "\r" in text or "\N{ZERO WIDTH NO-BREAK SPACE}" in text:
            faults.append(f"{name} has carriage returns or a byte order mark")
        if (name.endswith((".yml", ".yaml")) or ".env" in name) and "\n\n\n" in text:
            faults.append(f"{name} has two blank lines in a row")
    assert faults == []
    assert matches(re.compile(r"[ \t]+$"), folder, files(folder)) == []


def test_text_names_no_registry_no_unfinished_work_and_no_workplace(combination: Combination) -> None:
    folder = combination.folder
    names = files(folder)
    own = [name for name in names if name != ".copier-answers.yml"]

    assert matches(REGISTRIES, folder, names) == []
    assert matches(UNFINISHED, folder, [name for name in names if name != "go.sum"]) == []
    assert matches(WORKPLACES, folder, own) == []


def test_no_rendered_file_is_ignored_by_the_rendered_gitignore(combination: Combination, tmp_path: Path) -> None:
    folder = combination.folder
    git(tmp_path, "init", "--quiet")
    shutil.copy(folder / ".gitignore", tmp_path)

    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=tmp_path,
        input="\n".join(files(folder)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == ""
    assert done.returncode == 1, done.stderr


def test_no_two_paths_differ_by_case_alone(combination: Combination) -> None:
    groups = defaultdict(list)
    for name in files(combination.folder):
        groups[name.lower()].append(name)

    assert [names for names in groups.values() if len(names) > 1] == []


def test_an_option_that_is_off_leaves_no_trace(combination: Combination) -> None:
    folder, answers = combination.folder, combination.answers
    off = [words for (question, choice), words in TRACES.items() if answers[question] != choice]
    if answers["database"] == "none":
        off.append(WITHOUT_DATABASE)
    if answers["guard"] == "none" or answers["rules_source"] == "nacos":
        off.append(WITHOUT_RULES_FILE)
    if answers["ci"] == "none":
        off.append(WITHOUT_PIPELINES)
    if answers["reconciler"] == "none":
        off.append(WITHOUT_RECONCILER)
    if answers["reconciler"] == answers["events"] == "none":
        off.append(WITHOUT_CHANGES)
    if answers["database"] not in SERVERS:
        off.append(WITHOUT_SERVER)
    names = of_the_service(folder)
    if answers["database"] in SERVERS:
        # The migrations' library tests itself with SQLite: its sums belong into a tidy go.sum, and no module is built.
        names.remove("go.sum")
    found = []
    for words in off:
        found += matches(re.compile(words), folder, names)
        found += [name for name in files(folder) if re.search(words, name)]
    assert found == []


def test_an_option_that_is_on_is_there(combination: Combination) -> None:
    folder, answers = combination.folder, combination.answers
    for (question, choice), words in TRACES.items():
        if answers[question] == choice and (question, choice) != ("license", "none"):
            assert matches(re.compile(words), folder, of_the_service(folder)), choice
    assert (folder / "migrations").exists() == (answers["database"] != "none")
    for ci, path in {"github": ".github", "gitlab": ".gitlab-ci.yml", "forgejo": ".forgejo"}.items():
        assert (folder / path).exists() == (answers["ci"] == ci)
    assert (folder / "deploy").exists() == answers["kubernetes"]
    assert (folder / "tasks" / "engine" / "kubernetes").exists() == answers["kubernetes"]
    assert (folder / "internal" / "platform" / "cache").exists() == (answers["cache"] == "redis")


def test_a_licence_is_written_where_one_was_chosen(combination: Combination) -> None:
    licence = combination.folder / "LICENSE"

    answers = combination.answers
    assert licence.exists() == (answers["license"] != "none")
    if licence.exists():
        text = licence.read_text()
        assert example_answers()["author"] in text
        assert ("MIT License" in text) == (answers["license"] == "mit")
        assert ("Apache License" in text) == (answers["license"] == "apache-2.0")


def test_yaml_can_be_read(combination: Combination) -> None:
    folder = combination.folder
    for name in files(folder):
        if name.endswith((".yml", ".yaml")):
            assert list(yaml.safe_load_all((folder / name).read_text())), name


def test_every_environment_is_in_order_as_rendered(combination: Combination) -> None:
    folder, answers = combination.folder, combination.answers
    settings = read_settings(yaml.safe_load((folder / "invoke.yaml").read_text()))
    environments = Environments(folder, settings.environments)

    assert list(settings.environments) == ["dev", "staging", "prod"]
    assert settings.database == answers["database"]
    findings = [finding for one in settings.environments.values() for finding in check(environments, one).findings]
    # Who signs the tokens of production is the one thing that nobody else can know.
    wanted = [(".env.prod", "AUTH_JWKS_URL")] if answers["auth"] == "jwt" else []
    assert [(finding.where, finding.name) for finding in findings] == wanted


def test_compose_interpolates_only_what_the_schema_describes(combination: Combination) -> None:
    folder = combination.folder
    used = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", (folder / "docker-compose.yml").read_text()))
    environments = Environments(folder, ("dev",))
    of_stack = {name for name, variable in environments.schema.variables.items() if variable.of_stack}

    assert used - of_stack <= INTERNAL_VARIABLES
    assert of_stack - {name for name in used if name not in INTERNAL_VARIABLES} == set()


def test_compose_and_the_dockerfile_default_to_what_the_schema_says(combination: Combination) -> None:
    folder = combination.folder
    variables = Environments(folder, ("dev",)).schema.variables
    compose = (folder / "docker-compose.yml").read_text()
    dockerfile = (folder / "Dockerfile").read_text()

    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]+)\}", compose):
        assert name in INTERNAL_VARIABLES or default == variables[name].default, name
    for name, default in re.findall(r"^ARG ([A-Z]+_IMAGE)=(\S+)$", dockerfile, re.MULTILINE):
        assert default == variables[name].default, name


def test_the_wrapper_is_the_templates_own_and_can_be_run(combination: Combination) -> None:
    wrapper = combination.folder / "inv"

    assert wrapper.read_bytes() == (ROOT / "template" / "inv").read_bytes()
    assert wrapper.stat().st_mode & 0o111 == 0o111


def test_the_tasks_are_the_same_in_every_service(combination: Combination) -> None:
    folder = combination.folder
    names = [name for name in files(folder) if name.startswith("tasks/")]

    _, different, failed = filecmp.cmpfiles(folder, ROOT / "template", names, shallow=False)
    assert (different, failed) == ([], [])


def test_no_python_file_of_the_template_holds_jinja() -> None:
    names = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "template").splitlines()

    assert [name for name in names if name.endswith(".py.jinja")] == []
    assert matches(JINJA, ROOT, [name for name in names if name.endswith(".py")]) == []


def test_invoke_itself_reads_the_rendered_settings(combination: Combination) -> None:
    config = Config(project_location=combination.folder)
    config.load_project()

    assert config["service"] == example_answers()["project_name"]
