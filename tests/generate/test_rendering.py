"""What comes out of the template, whatever the answers: complete, clean and without traces of what is off."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config

from maintain.rendering import example_answers, make_repository
from service_tasks.engine.configuration import Environments
from service_tasks.engine.settings import read_settings

from ..support.service import ROOT, git
from ..support.template_versions import commit, plain_copy
from ..support.text_rules import REGISTRIES, UNFINISHED, WORKPLACES, matches, texts

QUESTIONS: dict[str, Any] = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_")
}
DATABASES = ("postgres", "sqlite", "none")
RUNTIMES = ("scratch", "alpine", "distroless")
LICENSES = ("none", "mit", "apache-2.0")
CI = ("github", "none", "none")

# Two Latin squares: every pair of choices of two questions is in them.
MATRIX = [
    {
        "database": database,
        "runtime": runtime,
        "license": LICENSES[(row + column) % 3],
        "ci": CI[(row + 2 * column) % 3],
    }
    for row, database in enumerate(DATABASES)
    for column, runtime in enumerate(RUNTIMES)
]

# What an option brings along. It must be nowhere while the option is off.
TRACES = {
    ("database", "postgres"): r"(?i)postgres|\bpgx|jackc|pg_isready|pgdata|databasetest|DATABASE_PASSWORD",
    ("database", "sqlite"): r"(?i)sqlite|modernc",
    ("runtime", "alpine"): r"(?i)alpine",
    ("runtime", "distroless"): r"(?i)distroless",
    ("license", "mit"): r"\bMIT\b",
    ("license", "apache-2.0"): r"(?i)apache",
    ("ci", "github"): r"\.github/|(?i:workflow)|GitHub Actions",
}
WITHOUT_DATABASE = r"(?i)goose|pressly|DATABASE_URL|database/sql|platform/database|migrations/"

JINJA = re.compile(r"(?<!\$)\{\{-? \w|\{%|%\}|\{#|#\}")
"""Jinja as this template writes it. Not Go's nested literals, not the expressions of GitHub's workflows."""

# What docker-compose.yml reads beside the schema: the tasks hand it in.
INTERNAL_VARIABLES = {"APP_IMAGE", "APP_ENV_FILE", "POSTGRES_PASSWORD"}


def files(folder: Path) -> list[str]:
    """All files of a rendered service, but for what the tests themselves may have left there."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(folder).parts)
    )


def of_the_service(folder: Path) -> list[str]:
    """Its files without tasks/, which are the same in every service, and without the record of the answers."""
    return [name for name in files(folder) if not name.startswith("tasks/") and name != ".copier-answers.yml"]


def copier(*words: str, cwd: Path, network: bool = True) -> subprocess.CompletedProcess[str]:
    """Run copier's command line without a terminal; where the machine allows it, without a network too."""
    command = [sys.executable, "-m", "copier", *words]
    alone = ["unshare", "--net", "--map-root-user"]
    if not network and shutil.which("unshare") and not subprocess.run([*alone, "true"], capture_output=True).returncode:
        command = [*alone, *command]
    name = {f"GIT_{role}_{part}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **name, "HOME": str(cwd)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@dataclass(frozen=True)
class Combination:
    """A rendered service, to be read only, and the answers that differ from the example's."""

    folder: Path
    answers: dict[str, str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a repository of its own, with one release."""
    folder = plain_copy(tmp_path_factory.mktemp("template") / "copier-gin")
    git(folder, "init", "--quiet")
    commit(folder, tag="v1.0.0")
    return folder


@pytest.fixture(scope="module")
def untracked_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a plain folder: Copier reads it in place, which is quick."""
    return plain_copy(tmp_path_factory.mktemp("untracked"))


@pytest.fixture(scope="module", params=MATRIX, ids=lambda answers: "-".join(answers.values()))
def combination(
    request: pytest.FixtureRequest, untracked_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Combination:
    """A service for every line of the matrix."""
    folder = tmp_path_factory.mktemp("combination") / "service"
    copy_in_process(untracked_template, folder, {**example_answers(), **request.param})
    return Combination(folder, request.param)


# --- The questions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_type_a_default_and_help_that_is_a_sentence(name: str) -> None:
    question = QUESTIONS[name]

    assert question["type"]
    assert question.get("default") not in (None, "")
    assert question["help"].strip().endswith(".")


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_is_chosen_from_a_list_or_validated(name: str) -> None:
    question = QUESTIONS[name]

    assert "choices" in question or "validator" in question
    if "choices" in question:
        assert question["default"] in question["choices"].values()


def test_the_example_answers_are_answers_to_questions() -> None:
    assert set(example_answers()) <= set(QUESTIONS)


DNS_LABEL = "lower-case letters, digits and hyphens"
MODULE = "use a domain with a dot"
BAD_ANSWERS: list[tuple[str, Any, str]] = [
    ("project_name", "", DNS_LABEL),
    ("project_name", "Orders", DNS_LABEL),
    ("project_name", "my_orders", DNS_LABEL),
    ("project_name", "my orders", DNS_LABEL),
    ("project_name", "2orders", DNS_LABEL),
    ("project_name", "-orders", DNS_LABEL),
    ("project_name", "orders-", DNS_LABEL),
    ("project_name", "../orders", DNS_LABEL),
    ("project_name", "café", DNS_LABEL),
    ("project_name", "o" * 41, DNS_LABEL),
    ("project_name", "orders\n", DNS_LABEL),
    ("module_path", "", MODULE),
    ("module_path", "orders", MODULE),
    ("module_path", "example/orders", MODULE),
    ("module_path", "Example.com/orders", MODULE),
    ("module_path", "https://example.com/orders", MODULE),
    ("module_path", "example.com/orders/", MODULE),
    ("module_path", "example.com//orders", MODULE),
    ("module_path", "example.com/my orders", MODULE),
    ("module_path", "example.com/../orders", MODULE),
    ("module_path", "example.com/orders\n", MODULE),
    ("http_port", 80, "from 1024 to 65533"),
    ("http_port", 65534, "from 1024 to 65533"),
    ("http_port", -1, "from 1024 to 65533"),
    ("description", " ", "one line of 1 to 200 characters"),
    ("description", "two\nlines", "one line of 1 to 200 characters"),
    ("description", "one line\n", "one line of 1 to 200 characters"),
    ("description", 'so "called"', "without double quotes"),
    ("description", "back\\slash", "backslashes"),
    ("description", "expands ${HOME}", "without double quotes"),
    ("description", "o" * 201, "one line of 1 to 200 characters"),
    ("author", " ", "one line of 1 to 100 characters"),
    ("author", 'The "authors"', "without double quotes"),
    ("author", "expands ${HOME}", "without double quotes"),
    ("author", "o" * 101, "one line of 1 to 100 characters"),
    ("go_version", "1", "use major and minor"),
    ("go_version", "1.26.3", "use major and minor"),
    ("go_version", "go1.26", "use major and minor"),
    ("go_version", "latest", "use major and minor"),
]


@pytest.mark.parametrize(("name", "value", "rule"), BAD_ANSWERS, ids=[f"{n}={v!r:.24}" for n, v, _ in BAD_ANSWERS])
def test_a_bad_answer_is_refused_with_the_value_and_the_rule(
    name: str, value: Any, rule: str, untracked_template: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError) as refusal:
        copy_in_process(untracked_template, tmp_path / "service", {**example_answers(), name: value})

    sentence = " ".join(str(refusal.value).split())
    assert name in sentence
    assert " ".join(str(value).split()) in sentence
    assert rule in sentence
    assert not (tmp_path / "service").exists()


@pytest.mark.parametrize("name", ["database", "runtime", "license", "ci"])
def test_a_choice_that_does_not_exist_is_refused_with_the_choices(
    name: str, untracked_template: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"'{name}'.*'oracle'.*'{QUESTIONS[name]['default']}'"):
        copy_in_process(untracked_template, tmp_path / "service", {**example_answers(), name: "oracle"})


@pytest.mark.parametrize("name", ["null", "o" * 40])
def test_a_name_that_means_something_in_yaml_is_a_name_all_the_same(
    name: str, untracked_template: Path, tmp_path: Path
) -> None:
    folder = copy_in_process(untracked_template, tmp_path / "service", {"project_name": name})

    assert yaml.safe_load((folder / "invoke.yaml").read_text())["service"] == name
    compose = yaml.safe_load((folder / "docker-compose.yml").read_text())
    assert compose["services"]["database"]["environment"]["POSTGRES_USER"] == name


def test_a_description_with_signs_of_yaml_and_docker_arrives_as_it_was_given(
    untracked_template: Path, tmp_path: Path
) -> None:
    description = "It's 100 %: #1 & <b> {x} [y] *z | !w"
    answers = {**example_answers(), "description": description}
    folder = copy_in_process(untracked_template, tmp_path / "service", answers)

    document = yaml.safe_load((folder / "api" / "openapi.yaml").read_text())
    assert description in (document["info"].get("description"), document["info"].get("summary"))
    assert f'description="{description}"' in (folder / "Dockerfile").read_text()


def copy_in_process(template: Path, folder: Path, answers: dict[str, Any]) -> Path:
    """Render by Copier's API, which is quicker than its command line and raises what that prints."""
    from copier import run_copy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    return folder


# --- Copying --------------------------------------------------------------------------------------


def test_a_clone_renders_without_network_terminal_or_trust(template: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(template), "clone")

    words = ("copy", "--defaults", "--data", "project_name=orders", "clone", "orders")
    done = copier(*words, cwd=tmp_path, network=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "orders" / "cmd" / "orders" / "main.go").exists()
    assert "./inv deploy --env=staging" in done.stderr
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


def test_rendering_needs_no_trust() -> None:
    settings = yaml.safe_load((ROOT / "copier.yml").read_text())

    assert not {"_tasks", "_migrations", "_jinja_extensions"} & set(settings)


def test_the_same_answers_give_the_same_bytes(untracked_template: Path, tmp_path: Path) -> None:
    one, two = (copy_in_process(untracked_template, tmp_path / side, example_answers()) for side in ("one", "two"))

    assert files(one) == files(two)
    _, different, failed = filecmp.cmpfiles(one, two, files(one), shallow=False)
    assert (different, failed) == ([], [])


def test_the_answers_file_records_the_template_and_every_answer(template: Path, tmp_path: Path) -> None:
    folder = copy_in_process(template, tmp_path / "orders", example_answers())

    text = (folder / ".copier-answers.yml").read_text()
    record = yaml.safe_load(text)
    assert text.startswith("# Changes here will be overwritten by Copier")
    assert record.pop("_commit") == "v1.0.0"
    assert record.pop("_src_path") == str(template)
    assert record == {**example_answers(), "go_version": QUESTIONS["go_version"]["default"]}


def test_the_go_release_is_one_answer_that_reaches_every_file(untracked_template: Path, tmp_path: Path) -> None:
    default = QUESTIONS["go_version"]["default"]
    other = "1.99"
    answers = {**example_answers(), "go_version": other}
    folder = copy_in_process(untracked_template, tmp_path / "orders", answers)

    assert re.search(rf"^go {re.escape(other)}", (folder / "go.mod").read_text(), re.MULTILINE)
    assert f"ARG GO_IMAGE=golang:{other}" in (folder / "Dockerfile").read_text()
    assert f"GO_IMAGE=golang:{other}" in (folder / ".env.example").read_text()
    assert f"golang:{other}" in (folder / "docker-compose.yml").read_text()
    former = re.compile(rf"golang:{re.escape(default)}|\bgo {re.escape(default)}|Go {re.escape(default)}\b")
    assert matches(former, folder, of_the_service(folder)) == []


# --- All combinations -----------------------------------------------------------------------------


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
    names = of_the_service(folder)
    if answers["database"] == "postgres":
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
    assert (folder / ".github").exists() == (answers["ci"] == "github")


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
    assert [finding for one in settings.environments.values() for finding in environments.check(one)] == []


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


# --- Updating -------------------------------------------------------------------------------------


def append(path: Path, line: str) -> None:
    """Add a line, after a blank one, at the end of a file."""
    path.write_text(f"{path.read_text()}\n{line}\n")


def change(path: Path, old: str, new: str) -> None:
    """Replace what has to be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def updated(template: Path, tmp_path: Path) -> Path:
    """A service that its user has worked on, after an update to a release that changed every kind of file."""
    newer = tmp_path / "copier-gin"
    git(tmp_path, "clone", "--quiet", str(template), "copier-gin")
    folder = tmp_path / "orders"
    done = copier("copy", "--defaults", "--data", "project_name=orders", str(newer), "orders", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    make_repository(folder)

    append(folder / "internal" / "order" / "handler.go", "// Edited by the user.")
    append(folder / "go.mod", "// Raised by the user.")
    append(folder / ".env.staging", "TRUSTED_PROXIES=10.0.0.0/8")
    (folder / "internal" / "order" / "cursor_test.go").unlink()
    (folder / "tasks_local.py").write_text("# The user's own.\n")
    (folder / ".env.staging.local").write_text("LOG_LEVEL=debug\n")
    commit(folder)

    for name in ("internal/order/handler.go.jinja", "internal/order/cursor_test.go", "go.mod.jinja"):
        append(newer / "template" / name, "// Changed by the template.")
    change(newer / "template" / "Dockerfile.jinja", "EXPOSE 8080", "EXPOSE 8080/tcp")
    change(newer / "template" / ".env.staging.jinja", "LOG_LEVEL=info", "LOG_LEVEL=warn")
    (newer / "template" / "internal" / "platform" / "new.go").write_text("package platform\n")
    commit(newer, tag="v1.1.0")

    done = copier("update", "--defaults", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_an_update_keeps_what_was_seeded_and_brings_what_is_managed(updated: Path) -> None:
    def text(name: str) -> str:
        return (updated / name).read_text()

    seeded = ("internal/order/handler.go", "go.mod")
    assert [name for name in seeded if "by the user." not in text(name)] == []
    assert [name for name in seeded if "by the template." in text(name)] == []
    assert not (updated / "internal" / "order" / "cursor_test.go").exists(), "a deleted file came back"
    assert "EXPOSE 8080/tcp" in text("Dockerfile")
    assert (updated / "internal" / "platform" / "new.go").exists()
    assert "LOG_LEVEL=warn" in text(".env.staging")
    assert text(".env.staging").endswith("TRUSTED_PROXIES=10.0.0.0/8\n")
    assert text("tasks_local.py") == "# The user's own.\n"
    assert text(".env.staging.local") == "LOG_LEVEL=debug\n"
    assert yaml.safe_load(text(".copier-answers.yml"))["_commit"] == "v1.1.0"

    assert matches(re.compile("^(<<<<<<<|>>>>>>>)"), updated, files(updated)) == []
    assert [name for name in files(updated) if name.endswith(".rej")] == []
    changed = {line[3:] for line in git(updated, "status", "--porcelain").splitlines()}
    assert changed == {".copier-answers.yml", ".env.staging", "Dockerfile", "internal/platform/new.go"}
