"""What a schema asks for is held or refused by name, and what it takes, the service takes, too."""

from __future__ import annotations

import pytest

from service_tasks.engine.config.checks import check
from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.schema import read_schema
from service_tasks.engine.config.settings import Environment
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
        ("@required=forEnv()", "@required=forEnv() is not supported here"),
        ("@required=eq($A, b)", "@required=eq($A, b) is not supported here"),
        ("@sensitive @public", "@sensitive and @public exclude each other"),
        ("@internal", "@internal is not supported here"),
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
        ("@type=port(min=0)", "@type=port: min=0 cannot be held"),
        ("@type=url(allowedDomains=[a.b])", "@type=url: allowedDomains is not supported here"),
        ("@type=url(allowedProtocols=[])", "@type=url: allowedProtocols=[] cannot be held"),
        ("@type=ip(version=5)", "@type=ip: version=5 cannot be held"),
        ("@type=email(normalize=true)", "@type=email: normalize is not supported here"),
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
    assert fault_of(folder, "# @type=port(least=1024)", "A=").remedy == "known: max, min"
    assert fault_of(folder, "# @type=uuid(version=4)", "A=").remedy == "known: no options"


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


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("string(startsWith=sk_, endsWith=z)", "sk_z", "sk_y"),
        ("string(startsWith=sk_)", "sk_", "pk_"),
        ("string(isLength=3)", "abc", "abcd"),
        ("port(min=1024, max=2048)", "1024", "80"),
        ("url(allowedProtocols=[postgres, postgresql])", "postgres://h/db", "mysql://h/db"),
        ("url(allowedProtocols=https)", "https://h", "http://h"),
        ("email", "some.body+x@mail.example.com", "somebody@example"),
        ("ip", "2001:db8::1", "256.1.1.1"),
        ("ip(version=4)", "192.0.2.1", "2001:db8::1"),
        ("uuid", "123E4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("semver", "1.2.3-beta.1+5", "1.2"),
    ],
)
def test_a_type_takes_what_it_says_and_refuses_the_rest(folder: Folder, kind: str, right: str, wrong: str) -> None:
    assert fault_for(folder, kind, right) == ""
    assert wrong in fault_for(folder, kind, wrong)


def test_a_variable_can_be_required_in_some_environments_only(folder: Folder) -> None:
    folder.add(".env.example", "", "# @required=forEnv(staging)", "NEEDED=", "", "# @optional=forEnv(dev)", "MOSTLY=")

    assert folder.check("dev") == []
    messages = {finding.name: finding.message for finding in folder.check("staging")}
    assert messages == dict.fromkeys(("NEEDED", "MOSTLY"), "is required and missing; set it in this file")


def test_an_environment_that_does_not_exist_is_told(folder: Folder) -> None:
    folder.add(".env.example", "", "# @required=forEnv(stagign)", "NEEDED=")

    finding = folder.only()

    assert finding.message == 'names "stagign"; did you mean "staging"?'
    assert (finding.file, finding.name) == (".env.example", "NEEDED")


def test_what_is_deprecated_works_still_and_is_told_with_what_to_use_instead(folder: Folder) -> None:
    folder.add(".env.example", "", '# @deprecated="use LOG_LEVEL"', "VERBOSITY=", "", "# @deprecated", "OLD=")
    folder.add(".env.staging", "VERBOSITY=3")
    environments = Environments(folder.root, ["dev", "staging"])

    found = check(environments, Environment("staging"))

    assert [finding.message for finding in found.findings if finding.name != "VERBOSITY"] == []
    assert [(note.where, note.message) for note in found.notes] == [(".env.staging:2", "is deprecated: use LOG_LEVEL")]


def test_decorators_that_only_explain_are_read_past(folder: Folder) -> None:
    text = '# @example="sk-abc 123" @docs(https://example.com/keys) @public'
    folder.write(".env.example", "# @defaultSensitive=true\n# ---\n\n", f"{text}\n", "# @type=url\n", "A=\n")

    variable = read_schema(folder.root / ".env.example").variables["A"]

    assert (variable.type, variable.sensitive) == ("url", False)
