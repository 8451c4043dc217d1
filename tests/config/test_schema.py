"""What a schema asks for is held or refused by name, and what it takes, the service takes, too."""

from __future__ import annotations

import pytest

from service_tasks.engine.config.schema import read_schema
from service_tasks.engine.core.errors import UsageFault

from .env_files import Folder


def fault_of(folder: Folder, *lines: str) -> UsageFault:
    """What is said of a schema."""
    folder.write(".env.example", *(f"{line}\n" for line in lines))
    with pytest.raises(UsageFault) as refusal:
        read_schema(folder.root / ".env.example")
    return refusal.value


def fault_for(folder: Folder, kind: str, value: str) -> str:
    """What is wrong with a value of a type."""
    folder.write(".env.example", f"# @type={kind}\nNAME=\n")
    return read_schema(folder.root / ".env.example").variables["NAME"].fault(value)


@pytest.mark.parametrize(
    ("decorator", "what"),
    [
        ("@sensitive=True", "@sensitive=True is not supported here"),
        ("@sensitive=yes", "@sensitive=yes is not supported here"),
        ("@required=1", "@required=1 is not supported here"),
        ("@optional=no", "@optional=no is not supported here"),
        ("@required=forEnv(prod)", "@required=forEnv(prod) is not supported here"),
        ("@required @optional", "@required and @optional exclude each other"),
        ("@sensitive @sensitive=false", "@sensitive is given twice"),
        ("@type=string(minlength=5)", "@type=string: minlength is not supported here"),
        ("@type=string(5)", "@type=string: 5 is not supported here"),
        ("@type=string(minLength=abc)", "@type=string: minLength=abc cannot be held"),
        ("@type=string(minLength=-1)", "@type=string: minLength=-1 cannot be held"),
        ('@type=string(matches="[")', "@type=string: matches=[ cannot be held"),
        ("@type=string(minLength=1, minLength=2)", "@type=string: the option minLength is given twice"),
        ("@type=string(minLength=1 maxLength=2)", "cannot be read as an option of @type=string"),
        ("@type=number(minimum=1)", "@type=number: minimum is not supported here"),
        ("@type=number(min=one)", "@type=number: min=one cannot be held"),
        ("@type=number(max=1_000)", "@type=number: max=1_000 cannot be held"),
        ("@type=number(max=inf)", "@type=number: max=inf cannot be held"),
        ("@type=number(isInt=yes)", "@type=number: isInt=yes cannot be held"),
        ("@type=port(min=1024)", "@type=port: min is not supported here"),
        ("@type=boolean(strict)", "@type=boolean: strict is not supported here"),
        ("@type=url(https)", "@type=url: https is not supported here"),
        ("@type=enum()", "@type=enum has no words"),
        ("@type=enum", "@type=enum has no words"),
        ("@type=enum(a=b)", "@type=enum: a=b is not supported here"),
    ],
)
def test_whatever_is_not_held_is_refused_by_name_with_file_and_line(folder: Folder, decorator: str, what: str) -> None:
    fault = fault_of(folder, "# Header.", "", f"# {decorator}", "NAME=")

    assert what in fault.what
    assert (fault.code, fault.where) == (2, ".env.example:4")


def test_the_options_that_a_type_has_are_named(folder: Folder) -> None:
    assert fault_of(folder, "# @type=string(minlength=5)", "A=").remedy == "known: matches, maxLength, minLength"
    assert fault_of(folder, "# @type=port(min=1024)", "A=").remedy == "known: no options"


@pytest.mark.parametrize("value", ["infer", "True", "1"])
def test_a_root_decorator_is_on_or_off(folder: Folder, value: str) -> None:
    fault = fault_of(folder, f"# @defaultSensitive={value}", "# ---", "", "NAME=")

    assert fault.what == f"@defaultSensitive={value} is not supported here"
    assert fault.where == ".env.example:1"


@pytest.mark.parametrize(
    "lines",
    [
        ("A=", "# @sensitive", "", "B="),
        ("A=", "", "# @sensitive"),
        ("# Header.", "", "# @defaultSensitive", "", "A="),
        ("A=  # @sensitive",),
        ("A='x'  # @required @sensitive",),
    ],
)
def test_a_decorator_that_would_be_passed_over_is_refused(folder: Folder, lines: tuple[str, ...]) -> None:
    fault = fault_of(folder, *lines)

    at = next(number for number, line in enumerate(lines, 1) if "@" in line)
    assert fault.where == f".env.example:{at}"


def test_optional_can_be_switched_off(folder: Folder) -> None:
    folder.write(".env.example", "# @optional=false\nA=1\n")

    assert read_schema(folder.root / ".env.example").variables["A"].required


@pytest.mark.parametrize(
    "value", ["1_000", " 5", "5 ", "٣", "５", "1e3", "0x10", "2147483648", "9" * 5000, "5.0", "--5"]
)
def test_a_whole_number_that_the_service_refuses_is_refused(folder: Folder, value: str) -> None:
    assert fault_for(folder, "number(isInt=true)", value)


@pytest.mark.parametrize("value", ["0", "-7", "+7", "007", "2147483647", "-2147483648"])
def test_a_whole_number_that_the_service_takes_is_taken(folder: Folder, value: str) -> None:
    assert fault_for(folder, "number(isInt=true)", value) == ""


def test_a_larger_maximum_is_for_a_larger_field(folder: Folder) -> None:
    assert fault_for(folder, "number(isInt=true, max=9223372036854775807)", "9223372036854775807") == ""
    assert fault_for(folder, "number(isInt=true, max=9223372036854775807)", "9223372036854775808")


@pytest.mark.parametrize("value", ["1_0.5", " 0.5", "٠.٥", "1e999", "inf", "NaN", "0x1p-2", "1,5", ".", "1e"])
def test_a_number_that_the_service_refuses_is_refused(folder: Folder, value: str) -> None:
    assert fault_for(folder, "number", value)


@pytest.mark.parametrize("value", ["0.5", ".5", "5.", "-1e-3", "1E5", "+2"])
def test_a_number_that_the_service_takes_is_taken(folder: Folder, value: str) -> None:
    assert fault_for(folder, "number", value) == ""


@pytest.mark.parametrize("value", ["８０", "9" * 5000, "+80", " 80", "8_0"])
def test_a_port_is_plain_digits(folder: Folder, value: str) -> None:
    assert fault_for(folder, "port", value)


@pytest.mark.parametrize("value", ["http://h:port/", "http://h:99999/", "http://h/%zz", "http://h/\x7f"])
def test_a_url_that_the_service_refuses_is_refused(folder: Folder, value: str) -> None:
    assert fault_for(folder, "url", value)


def test_the_end_of_a_pattern_is_the_end_of_the_value(folder: Folder) -> None:
    assert fault_for(folder, 'string(matches="^[$a-z]+$")', "dev\n")
    assert fault_for(folder, 'string(matches="^[$a-z]+$")', "d$v") == ""
