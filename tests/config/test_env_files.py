"""Environment files are read as they stand, and a schema that cannot be held is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_tasks.engine.config.dotenv import read_env_file
from service_tasks.engine.config.schema import read_schema
from service_tasks.engine.core.errors import UsageFault

from .env_files import Folder


def test_values_are_taken_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=$HOME ${B} $$\nB='single $1'\nC=\"two\\nlines\"\nexport D=4\nE=  spaced  # said\nF=a=b\nG=\n")

    values = read_env_file(path).values()

    assert values == {
        "A": "$HOME ${B} $$",
        "B": "single $1",
        "C": "two\nlines",
        "D": "4",
        "E": "spaced",
        "F": "a=b",
        "G": "",
    }


def test_every_value_has_the_line_it_stands_in(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# first\n\nA=1\n\n\n# on B\nB=2\nC='three\nlines\n'\nD=4\n")

    assert [(entry.name, entry.line) for entry in read_env_file(path).entries] == [
        ("A", 3),
        ("B", 7),
        ("C", 8),
        ("D", 11),
    ]


DECORATORS = "known: deprecated, docs, example, optional, public, required, sensitive, type"
TYPES = "known: boolean, email, enum, ip, number, port, semver, string, url, uuid"


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_of_windows_are_line_ends(tmp_path: Path, ending: str) -> None:
    path = tmp_path / ".env"
    path.write_bytes(f"A=1{ending}{ending}B=2{ending}".encode())

    file = read_env_file(path)

    assert file.values() == {"A": "1", "B": "2"}
    assert [entry.line for entry in file.entries] == [1, 3]


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / ".env.dev"
    path.write_bytes(b"A=\xff\xfe")

    with pytest.raises(UsageFault, match=r"\.env\.dev cannot be read"):
        read_env_file(path)


# --- The schema -----------------------------------------------------------------------------------


def schema_fault(folder: Folder, *lines: str) -> UsageFault:
    """What is said of a schema."""
    folder.write(".env.example", *(f"{line}\n" for line in lines))
    with pytest.raises(UsageFault) as refusal:
        read_schema(folder.root / ".env.example")
    return refusal.value


@pytest.mark.parametrize(
    ("decorator", "what", "remedy"),
    [
        ("@requird", "@requird is not supported here", 'did you mean "required"?'),
        ("@icon=mdi:key", "@icon is not supported here", DECORATORS),
        ("@tag(billing)", "@tag is not supported here", DECORATORS),
        ("@type=date", "@type=date is not supported here", TYPES),
        ("@type=strng", "@type=strng is not supported here", 'did you mean "string"?'),
        ("@required and so on", '"and so on" cannot be read as a decorator', "mend the schema"),
        ("@required=fnc(", "cannot be read as a decorator", "mend the schema"),
    ],
)
def test_a_decorator_that_is_not_held_is_refused_by_name_with_file_and_line(
    folder: Folder, decorator: str, what: str, remedy: str
) -> None:
    fault = schema_fault(folder, "# Header.", "", f"# {decorator}", "NAME=value")

    assert what in fault.what
    assert fault.where == ".env.example:4"
    assert fault.remedy == remedy


def test_a_root_decorator_that_is_not_held_is_refused_by_name(folder: Folder) -> None:
    fault = schema_fault(folder, "# @envFlag=APP_ENV", "# ---", "", "NAME=value")

    assert fault.what == "@envFlag is not supported here"
    assert fault.where == ".env.example:1"


def test_a_variable_that_is_described_twice_is_refused(folder: Folder) -> None:
    fault = schema_fault(folder, "NAME=1", "OTHER=2", "NAME=3")

    assert (fault.what, fault.where) == ("NAME is described twice", ".env.example:3")


def test_a_default_that_its_own_type_refuses_is_refused(folder: Folder) -> None:
    fault = schema_fault(folder, "# @type=port", "HTTP_PORT=eighty")

    assert fault.what == 'the default of HTTP_PORT: "eighty" is not a port from 1 to 65535'
    assert fault.where == ".env.example:2"


def test_the_root_decides_for_variables_that_do_not_say(folder: Folder) -> None:
    header = "# @defaultRequired=true @defaultSensitive=true\n# ---\n\n"
    folder.write(".env.example", header, "A=1\n\n# @optional\nB=2\n")

    variables = read_schema(folder.root / ".env.example").variables

    assert [variables[name].required for name in "AB"] == [True, False]
    assert [variables[name].sensitive for name in "AB"] == [True, True]


def test_a_value_of_a_decorator_can_switch_it_off(folder: Folder) -> None:
    folder.write(".env.example", "# @defaultSensitive=true\n# ---\n\n# @sensitive=false @required=false\nA=1\n")

    variable = read_schema(folder.root / ".env.example").variables["A"]

    assert (variable.sensitive, variable.required) == (False, False)
