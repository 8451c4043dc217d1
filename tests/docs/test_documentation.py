"""The documentation says what is there: links, commands, questions, variables, exit codes, messages, output."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from invoke.collection import Collection
from invoke.exceptions import Exit
from invoke.parser import Parser
from invoke.program import Program

import service_tasks
import tasks
from maintain.rendering import make_repository
from service_tasks.engine.config.dotenv import read_env_file
from service_tasks.engine.core.errors import Fault

from ..conftest import Render
from ..support.service import ROOT, Service, git

DATABASES = ("postgres", "sqlite", "none")
DOCUMENTS = [name for name in git(ROOT, "ls-files", "*.md").split("\n") if name]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:\./inv|\binvoke) (?=[a-z-])([^\n`]*)")
STEP = re.compile(r'console\.step\("(\w+)"\)')
STEPS_ARE_IN = ("deploy/deployment", "deploy/switching")

# What the contract promises beside the kinds of faults: done, an update with conflicts, and Ctrl-C.
OTHER_EXIT_CODES = {0, 7, 130}


@dataclass(frozen=True)
class Command:
    """A command that a document shows."""

    document: str
    text: str


def read(name: str) -> str:
    """A document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def code(text: str) -> Iterator[str]:
    """All code of a document: fenced blocks, and what stands between single backticks."""
    for match in FENCE.finditer(text):
        yield match[2]
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(name: str, text: str) -> list[Command]:
    """The calls of tasks in a document's code. `a|b` stands for two calls, an ellipsis and TASK for anything."""
    found = []
    for piece in code(text):
        for match in COMMAND.finditer(piece):
            first, *rest = re.split(r" (?:&&|\||>>|--) | #", match[1])[0].split(" ")
            found += [Command(name, " ".join([task, *rest])) for task in first.split("|")]
    return [command for command in found if "TASK" not in command.text]


def refusal(text: str, *collections: Collection) -> str:
    """Why none of the collections takes a command, or nothing where one does."""
    words = [word for word in shlex.split(text) if word != "…"]
    reason = ""
    for collection in collections:
        program = Program()
        program.create_config()
        try:
            Parser(initial=program.initial_context, contexts=deepcopy(collection).to_contexts()).parse_argv(words)
        except Exit as error:
            reason = str(error.message)
        else:
            return ""
    return reason


def steps_of_a_deploy() -> set[str]:
    """The steps that a deploy shows."""
    return {step for name in STEPS_ARE_IN for step in STEP.findall(read(f"template/tasks/engine/{name}.py"))}


def slug(heading: str) -> str:
    """A heading's anchor."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table_rows(text: str) -> list[list[str]]:
    """The cells of all tables."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


# --- What is referred to exists -------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(name: str) -> None:
    broken = []
    for path, anchor in LINK.findall(read(name)):
        target = (ROOT / name).parent / path if path else ROOT / name
        if not target.exists() or (anchor and anchor not in map(slug, HEADING.findall(target.read_text()))):
            broken.append(f"{path}#{anchor}")

    assert broken == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_shown_is_a_task_with_these_options(name: str) -> None:
    known = (tasks.ns, service_tasks.ns) if not name.startswith("template/") else (service_tasks.ns,)
    shown = [command for command in commands(name, read(name)) if "local." not in command.text]

    assert {command.text: why for command in shown if (why := refusal(command.text, *known))} == {}


@pytest.mark.parametrize("database", DATABASES)
def test_every_command_that_a_service_shows_is_one_of_its_tasks(rendered: Render, database: str) -> None:
    shown = commands("README.md", (rendered(database=database) / "README.md").read_text())

    assert len(shown) > 5
    assert {command.text: why for command in shown if (why := refusal(command.text, service_tasks.ns))} == {}


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert refusal("deploy --env=staging --plam", tasks.ns, service_tasks.ns)
    assert refusal("histroy", tasks.ns, service_tasks.ns)


def test_the_picture_shows_steps_that_a_deploy_has() -> None:
    picture = read("docs/pictures/deploy.svg")
    steps = steps_of_a_deploy() - {"soak", "processes"}  # With several hosts, or with something beside the service.

    assert [step for step in steps if not re.search(rf"\b{step}\b", picture)] == []


# --- What exists is documented --------------------------------------------------------------------


def test_every_question_is_explained_with_its_default_and_its_choices() -> None:
    said: dict[str, Any] = yaml.safe_load(read("copier.yml"))
    questions = {name: each for name, each in said.items() if name.startswith("_") or each.get("when") is not False}
    asked = read("docs/generate.md").partition("## Questions\n")[2].partition("`kind` spares")[0]
    rows = {row[0]: row for row in table_rows(asked)}
    missing = []
    for name, question in questions.items():
        if name.startswith("_"):
            continue
        row = rows.get(f"`{name}`", [])
        default = str(question["default"])
        expected = [] if "{{" in default else [f"`{default}`"]
        expected += [f"`{choice}`" for choice in question.get("choices", {}).values()]
        missing += [f"{name}: {word}" for word in ["`", *expected] if not any(word in cell for cell in row)]
    assert missing == []


def test_every_task_is_documented() -> None:
    text = "".join(read(name) for name in DOCUMENTS)
    shown = {command.text.split(" ")[-1] for command in commands("", text)} | set(re.findall(r"[\w.-]+", text))

    assert [name for name in (*tasks.ns.task_names, *service_tasks.ns.task_names) if name not in shown] == []


@pytest.mark.parametrize("database", DATABASES)
def test_every_variable_of_a_service_is_in_its_readme_and_no_other(rendered: Render, database: str) -> None:
    folder = rendered(database=database)
    described = {entry.name for entry in read_env_file(folder / ".env.example").entries}
    rows = {row[0].strip("`") for row in table_rows((folder / "README.md").read_text())}
    listed = {cell for cell in rows if re.fullmatch(r"[A-Z][A-Z_]+", cell)}

    assert listed == described


def test_every_exit_code_is_documented() -> None:
    kinds = {Fault.code, *(kind.code for kind in Fault.__subclasses__())}
    section = read("docs/deploy.md").partition("## Exit codes")[2].partition("\n## ")[0]
    listed = {int(row[0]) for row in table_rows(section) if row[0].isdigit()}

    assert listed == kinds | OTHER_EXIT_CODES


def test_every_step_of_a_deploy_is_documented() -> None:
    steps = steps_of_a_deploy()
    rows = {row[0].strip("`") for row in table_rows(read("docs/deploy.md").partition("## Steps")[2])}

    assert {"check", "build", "admit", "record"} < steps
    assert steps - rows == set()


def test_every_message_that_is_explained_is_one_that_can_appear() -> None:
    folders = (ROOT / "template" / "tasks", ROOT / "template" / "internal", ROOT / "template" / "edge")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    source = "\n".join(path.read_text() for path in [*files, ROOT / "template" / "inv"])
    source = source.replace("{GENERATED}", "DATABASE_PASSWORD").replace("{schema.path.name}", ".env.example")
    messages = [
        message for row in table_rows(read("docs/troubleshooting.md")) for message in re.findall("`(.+?)`", row[0])
    ]
    pieces = [(message, piece) for message in messages for piece in message.split("…") if piece.strip()]

    assert len(messages) > 15
    assert [message for message, piece in pieces if piece not in source] == []


def test_decisions_are_numbered_without_a_gap_and_short() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for number, file in enumerate(files, 1):
        text = file.read_text()
        assert text.startswith(f"# {number}. "), file.name
        assert HEADING.findall(text)[1:] == ["Context", "Decision", "Consequences"], file.name
        assert text.count("\n") <= 40, file.name


def test_every_case_of_lost_work_names_a_test_that_exists() -> None:
    rows = table_rows(read("docs/decisions/0027-cases-of-lost-work.md"))[2:]
    source = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert {row[0].split()[0].rstrip("b") for row in rows} == {str(number) for number in range(1, 22)}
    assert [row[2] for row in rows if f"def {row[2].strip('`')}(" not in source] == []


# --- What is shown is what happens ----------------------------------------------------------------


@pytest.fixture(scope="module")
def orders(rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The example service, under the name that the documentation gives it."""
    folder = tmp_path_factory.mktemp("documentation") / "orders"
    shutil.copytree(rendered(), folder)
    make_repository(folder)
    return Service(folder, folder.parent / "state")


def sessions() -> Iterator[tuple[str, str, str]]:
    """The document, the command and the output of everything in blocks marked console."""
    for name in DOCUMENTS:
        for language, block in FENCE.findall(read(name)):
            if language == "console":
                for part in block.split("$ ")[1:]:
                    command, _, output = part.partition("\n")
                    yield name, command, output


@pytest.mark.parametrize(("name", "command", "output"), list(sessions()), ids=lambda value: str(value).split("\n")[0])
def test_a_console_session_prints_what_it_shows(orders: Service, name: str, command: str, output: str) -> None:
    words = shlex.split(command)
    argv = [sys.executable, "-m", "invoke", *words[1:]] if words[0] == "./inv" else words
    expected = "[^\n]*".join(re.escape(piece) for piece in output.replace("\n…\n", "\n\0").split("…"))
    expected = expected.replace("\0", "(?s:.*)")

    done = subprocess.run(
        argv, cwd=orders.folder, env=orders.environment(), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(expected, done.stdout), f"{name} shows\n{output}\nand it prints\n{done.stdout}"
