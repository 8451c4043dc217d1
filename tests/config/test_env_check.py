"""Environment files are held against their schema: each rule, and where it was broken."""

from __future__ import annotations

import pytest

from service_tasks.engine.config.findings import Finding
from service_tasks.engine.core.errors import UsageFault

from .env_files import SECRET, Folder


def test_files_in_order_have_no_findings(folder: Folder) -> None:
    assert folder.check("dev") == []
    assert folder.check("staging") == []


def test_a_required_value_that_is_missing_is_told_with_the_file_it_belongs_in(folder: Folder) -> None:
    folder.write(".env.staging.local")

    assert folder.only() == Finding(
        ".env.staging", 0, "API_KEY", "is required and missing; set it in .env.staging.local"
    )


def test_a_required_value_that_is_empty_is_told_with_its_line(folder: Folder) -> None:
    folder.write(".env.staging", "# Staging.\n", "APP_ENV=\n")

    assert folder.only() == Finding(".env.staging", 2, "APP_ENV", "is required and empty; set it in this file")


def test_a_required_value_with_a_default_may_be_left_out(folder: Folder) -> None:
    assert folder.configuration()["EDGE_PORT"] == "8080"
    assert folder.check() == []


def test_an_unknown_name_is_told_with_the_nearest(folder: Folder) -> None:
    folder.add(".env.staging.local", "LOG_LEVL=debug")

    found = folder.only()

    assert found.where == ".env.staging.local:2"
    assert found.name == "LOG_LEVL"
    assert found.message == 'is not in .env.example; did you mean "LOG_LEVEL"?'


def test_an_unknown_name_like_no_other_is_to_be_described(folder: Folder) -> None:
    folder.add(".env.staging", "ZZZ=1")

    assert folder.only().message == "is not in .env.example; describe it there first"


def test_a_line_that_is_no_assignment_is_told(folder: Folder) -> None:
    folder.add(".env.staging", "=no name")

    found = folder.only()
    assert (found.where, found.message) == (".env.staging:2", "the line is neither a comment nor NAME=value")


def test_a_name_without_an_equals_sign_is_told_by_its_line(folder: Folder) -> None:
    folder.add(".env.staging", "LOG_LEVEL")

    assert folder.only() == Finding(".env.staging", 2, "", "the line is neither a comment nor NAME=value")


def test_a_name_that_is_set_twice_is_told_with_both_lines(folder: Folder) -> None:
    folder.add(".env.dev", "LOG_LEVEL=info")
    folder.add(".env.staging", "LOG_LEVEL=info", "", "LOG_LEVEL=debug")

    found = folder.only()
    assert (found.where, found.message) == (".env.staging:4", "is set twice, first in line 2; keep one")


@pytest.mark.parametrize("value", ["changeme", "CHANGE_ME", "<your key>", "xxxx", "TBD", "your-api-key", "...", "Todo"])
def test_a_placeholder_is_told_and_a_secret_one_is_not_repeated(folder: Folder, value: str) -> None:
    folder.write(".env.staging.local", f"API_KEY={value}\n", f"CODE={value}\n")

    findings = {found.name: found.message for found in folder.check()}

    assert findings["API_KEY"] == "still holds a placeholder; give it its real value"
    assert findings["CODE"] == f'still holds the placeholder "{value}"; give it its real value'


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOG_LEVEL", "verbose", "one of debug, info, warn, error"),
        ("LOG_LEVEL", "INFO", "one of debug, info, warn, error"),
        ("HTTP_PORT", "0", "a port from 1 to 65535"),
        ("HTTP_PORT", "65536", "a port from 1 to 65535"),
        ("HTTP_PORT", "http", "a port from 1 to 65535"),
        ("HTTP_PORT", "-1", "a port from 1 to 65535"),
        ("HTTP_PORT", "²", "a port from 1 to 65535"),
        ("WORKERS", "2.5", "a whole number"),
        ("WORKERS", "many", "a whole number"),
        ("WORKERS", "0", "a number from 1 to 10"),
        ("WORKERS", "11", "a number from 1 to 10"),
        ("RATIO", "half", "a number"),
        ("RATIO", "nan", "a number"),
        ("TRACING", "yes", "true or false"),
        ("TRACING", "1", "true or false"),
        ("REMOTE_URL", "example.com", "a URL such as scheme://host/path"),
        ("REMOTE_URL", "http://", "a URL such as scheme://host/path"),
        ("REMOTE_URL", "http://a b/", "a URL such as scheme://host/path"),
        ("REMOTE_URL", "http://[::1", "a URL such as scheme://host/path"),
        ("CODE", "a", "at least 2 characters long"),
        ("CODE", "abcdef", "at most 5 characters long"),
        ("CODE", "AB", "a text that matches ^[a-z]+$"),
        ("EDGE_PORT", "front", "a port from 1 to 65535"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_the_value_and_what_is_expected(
    folder: Folder, name: str, value: str, expected: str
) -> None:
    folder.add(".env.staging.local", f"{name}={value}")

    found = folder.only()

    assert (found.where, found.name) == (".env.staging.local:2", name)
    assert found.message == f'"{value}" is not {expected}'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "warn"),
        ("HTTP_PORT", "65535"),
        ("WORKERS", "10"),
        ("RATIO", "-1.5e3"),
        ("TRACING", "true"),
        ("REMOTE_URL", "postgres://user@[::1]:5432/name?sslmode=disable"),
        ("REMOTE_URL", "sqlite:data/orders.db"),
        ("CODE", "abcde"),
        ("CODE", ""),
    ],
)
def test_a_value_of_the_right_type_is_fine(folder: Folder, name: str, value: str) -> None:
    folder.add(".env.staging.local", f"{name}={value}")

    assert folder.check() == []


def test_a_secret_that_is_wrong_is_told_without_its_value(folder: Folder) -> None:
    folder.write(".env.staging.local", "API_KEY=short\n")

    assert folder.only().message == "the value is not at least 8 characters long"


def test_a_secret_in_a_tracked_file_is_told_outside_development(folder: Folder) -> None:
    folder.write(".env.staging.local")
    folder.add(".env.staging", f"API_KEY={SECRET}")

    found = folder.only()

    assert (found.where, found.name) == (".env.staging:2", "API_KEY")
    assert found.message == "is a secret in a tracked file; move it to .env.staging.local and change it"
    assert folder.check("dev") == [], "in development it may be there"


def test_names_that_differ_between_environments_are_told_on_the_side_that_lacks_them(folder: Folder) -> None:
    folder.add(".env.dev", "LOG_LEVEL=debug")

    assert folder.check("dev") == []
    assert folder.only("staging") == Finding(
        ".env.staging", 0, "LOG_LEVEL", "is set in .env.dev and not here; set it in both or in neither"
    )


def test_everything_that_is_wrong_is_told_at_once(folder: Folder) -> None:
    folder.write(".env.staging", "APP_ENV=\n", "LOG_LEVEL=loud\n", "LOG_LEVEL=louder\n", "NOPE=1\n")
    folder.write(".env.staging.local", "API_KEY=changeme\n")

    assert {found.name for found in folder.check()} == {"APP_ENV", "LOG_LEVEL", "NOPE", "API_KEY"}


def test_an_environment_without_its_file_is_refused_with_its_name(folder: Folder) -> None:
    (folder.root / ".env.staging").unlink()

    with pytest.raises(UsageFault, match=r"\.env\.staging is missing"):
        folder.check()
