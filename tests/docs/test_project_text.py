"""Rules for the text of this repository."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from ..conftest import LONGEST
from ..support.service import ROOT, git
from ..support.text_rules import REGISTRIES, UNFINISHED, WORKPLACES, matches, texts

TRACKED = git(ROOT, "ls-files", "-z").split("\0")[:-1]
MACHINE_WRITTEN = ("requirements.txt", "go.sum.jinja")
SCHEMA_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)

# Variables that a test or a maintainers' task reads and that are other programs' conventions, not this project's.
CONVENTIONS = {
    "PATH",
    "HOME",
    "CI",
    "NO_COLOR",
    "TERM",
    "GOFLAGS",
    "SOURCE_DATE_EPOCH",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
}


def written_by_people() -> list[str]:
    """The tracked files whose words are somebody's choice."""
    return [name for name in TRACKED if Path(name).name not in MACHINE_WRITTEN]


def variables() -> dict[str, str]:
    """The variables of the root's .env.example with their defaults."""
    return dict(SCHEMA_LINE.findall((ROOT / ".env.example").read_text()))


def read_in_python(source: str) -> Iterator[str]:
    """The variables that a program takes from os.environ."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"), args=[ast.Constant(value=name), *_]
            ):
                yield str(name)
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=name)):
                yield str(name)


def test_the_wrapper_at_the_root_is_the_services() -> None:
    assert (ROOT / "inv").read_bytes() == (ROOT / "template" / "inv").read_bytes()
    assert (ROOT / "inv").stat().st_mode & 0o111 == 0o111


def test_no_test_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {name: (ROOT / name).read_text().count("\n") for name in TRACKED if re.match(r"tests/.*\.py$", name)}

    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_the_files_of_tests_that_come_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).exists()] == []


def test_the_tasks_that_are_tested_are_those_of_the_template() -> None:
    assert (ROOT / "service_tasks").resolve() == ROOT / "template" / "tasks"


def test_no_file_says_where_packages_come_from() -> None:
    assert matches(REGISTRIES, ROOT, TRACKED) == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert matches(WORKPLACES, ROOT, written_by_people()) == []


def test_no_file_holds_unfinished_work() -> None:
    names = [name for name in written_by_people() if name != "tests/support/text_rules.py"]

    assert matches(UNFINISHED, ROOT, names) == []


def test_text_is_clean() -> None:
    faults = []
    for name, text in texts(ROOT, TRACKED):
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            faults.append(f"{name} does not end with one line end")
        if "\r" in text:
            faults.append(f"{name} has carriage returns")
    assert faults == []
    assert matches(re.compile(r"[ \t]+$"), ROOT, TRACKED) == []


def test_no_two_tracked_paths_differ_by_case_alone() -> None:
    assert len({name.lower() for name in TRACKED}) == len(TRACKED)


def test_the_environment_file_describes_exactly_what_is_read() -> None:
    read = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", (ROOT / "docker-compose.yml").read_text()))
    for folder in ("tests", "maintain"):
        for path in (ROOT / folder).rglob("*.py"):
            read |= set(read_in_python(path.read_text()))
    images = {name for name in variables() if name.endswith("_IMAGE")}

    assert read - CONVENTIONS - set(variables()) == set(), "read and not described"
    assert set(variables()) - images - read == set(), "described and not read"


def test_every_image_is_one_that_the_tests_choose() -> None:
    from maintain.base_images import OFFICIAL

    described = {name: value for name, value in variables().items() if name.endswith("_IMAGE")}

    assert described == OFFICIAL


def test_defaults_of_compose_are_those_that_are_described() -> None:
    defaults = re.findall(r"\$\{([A-Z][A-Z0-9_]*):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text())

    assert defaults
    assert [(name, default) for name, default in defaults if variables()[name] != default] == []


def test_every_variable_is_explained() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for before, line in pairwise(lines):
        if SCHEMA_LINE.match(line):
            assert before.startswith("#"), line


@pytest.mark.parametrize("name", ["template/tasks/requirements.txt", "requirements.txt"])
def test_every_pinned_package_has_its_hashes(name: str) -> None:
    pinned = re.findall(r"^[a-z][\w.-]*==\S+.*?(?=^\S|\Z)", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)

    assert pinned
    assert [package.split()[0] for package in pinned if "--hash=sha256:" not in package] == []


def test_both_sets_of_pins_agree() -> None:
    pins = [
        dict(re.findall(r"^([a-z][\w.-]*)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("template/tasks/requirements.txt", "requirements.txt")
    ]

    assert {name: pin for name, pin in pins[0].items() if pins[1].get(name) != pin} == {}


def test_yaml_can_be_read() -> None:
    for name in TRACKED:
        if name.endswith((".yml", ".yaml")):
            assert list(yaml.safe_load_all((ROOT / name).read_text())), name
