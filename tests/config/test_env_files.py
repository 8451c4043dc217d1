"""Environment files are held against their schema: each rule, where it was broken, and that no secret is shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from maintain.rendering import make_repository
from service_tasks.engine.configuration import MASK, Configuration, Environments, Finding
from service_tasks.engine.dotenv import read_env_file
from service_tasks.engine.errors import UsageFault
from service_tasks.engine.schema import read_schema
from service_tasks.engine.settings import Environment

from ..conftest import Render
from ..support.service import Service

SCHEMA = """\
# What this service reads.
#
# @defaultRequired=false
# ---

# @required
APP_ENV=dev

# @type=enum(debug, info, warn, error)
LOG_LEVEL=info

# @type=port
HTTP_PORT=8080

# @type=number(isInt=true, min=1, max=10)
WORKERS=2

# @type=number
RATIO=0.5

# @type=boolean
TRACING=false

# @type=url
REMOTE_URL=

# @type=string(minLength=2, maxLength=5, matches="^[a-z]+$")
CODE=

# @required @sensitive @type=string(minLength=8)
API_KEY=

# @required @type=port
EDGE_PORT=8080
"""
SECRET = "abcdefgh-is-secret"


class Folder:
    """A service's environment files; dev is for development, staging is not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write(".env.example", SCHEMA)
        self.write(".env.dev", "APP_ENV=dev\n", f"API_KEY={SECRET}\n")
        self.write(".env.staging", "APP_ENV=staging\n")
        self.write(".env.staging.local", f"API_KEY={SECRET}\n")

    def write(self, name: str, *lines: str) -> None:
        """Replace a file."""
        (self.root / name).write_text("".join(lines), encoding="utf-8")

    def add(self, name: str, *lines: str) -> None:
        """Add lines to a file."""
        with (self.root / name).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def check(self, env: str = "staging", sets: Iterable[str] = ()) -> list[Finding]:
        """What is wrong with an environment."""
        return Environments(self.root, ["dev", "staging"]).check(self._environment(env), sets)

    def only(self, env: str = "staging", sets: Iterable[str] = ()) -> Finding:
        """The one thing that is wrong."""
        findings = self.check(env, sets)
        assert len(findings) == 1, findings
        return findings[0]

    def configuration(self, env: str = "staging", sets: Iterable[str] = ()) -> Configuration:
        """The resolved values."""
        return Environments(self.root, ["dev", "staging"]).configuration(self._environment(env), sets)

    def _environment(self, env: str) -> Environment:
        return Environment(env, development=env == "dev")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# --- Reading --------------------------------------------------------------------------------------


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
        ("@example=1", "@example is not supported here", "known: optional, required, sensitive, type"),
        ("@docs=somewhere", "@docs is not supported here", "known: optional, required, sensitive, type"),
        ("@type=date", "@type=date is not supported here", "known: boolean, enum, number, port, string, url"),
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


# --- env.check ------------------------------------------------------------------------------------


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


def test_a_name_without_an_equals_sign_is_told(folder: Folder) -> None:
    folder.add(".env.staging", "LOG_LEVEL")

    assert folder.only() == Finding(".env.staging", 2, "LOG_LEVEL", "has no equals sign and no value")


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
    folder.write(".env.staging", "APP_ENV=\n", "LOG_LEVEL=loud\n", "LOG_LEVEL=louder\n", "NOPE=1\n", "=nothing\n")
    folder.write(".env.staging.local", "API_KEY=changeme\n")

    assert {found.name for found in folder.check()} == {"APP_ENV", "LOG_LEVEL", "NOPE", "API_KEY", ""}


def test_an_environment_without_its_file_is_refused_with_its_name(folder: Folder) -> None:
    (folder.root / ".env.staging").unlink()

    with pytest.raises(UsageFault, match=r"\.env\.staging is missing"):
        folder.check()


# --- The cascade ----------------------------------------------------------------------------------


def test_the_local_file_is_stronger_and_the_command_line_strongest(folder: Folder) -> None:
    folder.add(".env.staging", "WORKERS=3", "RATIO=0.1", "CODE=one")
    folder.add(".env.staging.local", "RATIO=0.2", "CODE=two")

    configuration = folder.configuration(sets=["CODE=three"])

    assert [configuration[name] for name in ("WORKERS", "RATIO", "CODE", "HTTP_PORT")] == ["3", "0.2", "three", "8080"]
    origins = [(configuration.given[name].origin, configuration.given[name].line) for name in ("RATIO", "CODE")]
    assert origins == [(".env.staging.local", 2), ("--set", 0)]


def test_the_shells_own_variables_take_no_part(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "error")

    assert folder.configuration()["LOG_LEVEL"] == "info"


@pytest.mark.parametrize(
    ("assignment", "what", "remedy"),
    [
        ("LOG_LEVEL", '--set "LOG_LEVEL" is not NAME=VALUE', "as in --set LOG_LEVEL=debug"),
        ("=debug", '--set "" is not NAME=VALUE', "as in --set LOG_LEVEL=debug"),
        ("LOG_LEVL=debug", "--set LOG_LEVL: no such variable", 'did you mean "LOG_LEVEL"?'),
    ],
)
def test_a_wrong_assignment_is_refused(folder: Folder, assignment: str, what: str, remedy: str) -> None:
    with pytest.raises(UsageFault) as refusal:
        folder.configuration(sets=[assignment])

    assert (refusal.value.what, refusal.value.remedy) == (what, remedy)


def test_a_wrong_value_on_the_command_line_is_told_as_such(folder: Folder) -> None:
    found = folder.only(sets=["LOG_LEVEL=loud"])

    assert (found.where, found.message) == ("--set", '"loud" is not one of debug, info, warn, error')


def test_a_value_may_hold_equals_signs_and_spaces(folder: Folder) -> None:
    configuration = folder.configuration(sets=["REMOTE_URL=http://a/?b=c d"])

    assert configuration["REMOTE_URL"] == "http://a/?b=c d"


@pytest.mark.parametrize("content", [SECRET, f"{SECRET}\n"])
def test_a_value_is_read_from_the_file_that_name_file_names(folder: Folder, content: str) -> None:
    folder.write("key", content)
    folder.write(".env.staging.local", "API_KEY_FILE=key\n")

    assert folder.check() == []
    assert folder.configuration().secret_values() == {"API_KEY": SECRET}


def test_only_one_line_end_is_dropped(folder: Folder) -> None:
    folder.write("key", f" {SECRET} \n\n")
    folder.write(".env.staging.local", f"API_KEY_FILE={folder.root / 'key'}\n")

    assert folder.configuration()["API_KEY"] == f" {SECRET} \n"


def test_a_file_that_is_not_there_is_told_with_its_path(folder: Folder) -> None:
    folder.write(".env.staging.local", "API_KEY_FILE=secrets/key\n")

    messages = {found.name: (found.where, found.message) for found in folder.check()}

    assert messages["API_KEY_FILE"] == (
        ".env.staging.local:1",
        'names "secrets/key", which is not a readable file',
    )


def test_the_stacks_variables_are_those_that_begin_with_edge_or_end_with_image(folder: Folder) -> None:
    folder.add(".env.example", "\nEDGE_SITE=localhost\n\nCADDY_IMAGE=caddy:2\n\nEDGE=1")
    folder.add(".env.staging", "EDGE_SITE=staging.example.com", "EDGE=2")
    configuration = folder.configuration()

    assert configuration.stack_values() == {
        "EDGE_PORT": "8080",
        "EDGE_SITE": "staging.example.com",
        "CADDY_IMAGE": "caddy:2",
    }
    assert configuration.service_values() == {"APP_ENV": "staging", "EDGE": "2"}


def test_values_part_into_the_services_the_secret_and_the_stacks(folder: Folder) -> None:
    folder.add(".env.staging", "WORKERS=3", "EDGE_PORT=8081")
    configuration = folder.configuration()

    assert configuration.service_values() == {"APP_ENV": "staging", "WORKERS": "3"}
    assert configuration.secret_values() == {"API_KEY": SECRET}
    assert configuration.stack_values() == {"EDGE_PORT": "8081"}


def test_a_secret_is_masked_and_an_empty_one_is_empty(folder: Folder) -> None:
    configuration = folder.configuration()
    assert configuration.masked("API_KEY") == MASK
    assert configuration.masked("APP_ENV") == "staging"

    folder.write(".env.staging.local")
    assert folder.configuration().masked("API_KEY") == ""


def test_a_generated_password_goes_into_the_local_file_that_nobody_else_can_read(folder: Folder) -> None:
    folder.write(".env.staging.local", "WORKERS=3")
    environments = Environments(folder.root, ["dev", "staging"])

    path = environments.generate_password("staging")

    assert path.name == ".env.staging.local"
    assert path.stat().st_mode & 0o777 == 0o600
    values = read_env_file(path).values()
    assert values["WORKERS"] == "3"
    assert len(values["DATABASE_PASSWORD"]) >= 24
    assert sorted(item.name for item in folder.root.iterdir()) == [
        ".env.dev",
        ".env.example",
        ".env.staging",
        ".env.staging.local",
    ]


def test_a_fingerprint_tells_configurations_apart_and_no_secret(folder: Folder) -> None:
    before = folder.configuration().fingerprint()
    assert folder.configuration().fingerprint() == before

    folder.write(".env.staging.local", f"API_KEY={SECRET}2\n")

    after = folder.configuration().fingerprint()
    assert after != before
    assert SECRET not in after


# --- The tasks ------------------------------------------------------------------------------------


@pytest.fixture
def service(rendered: Render, tmp_path: Path) -> Service:
    """A service whose database password is in its local file."""
    root = tmp_path / "orders"
    shutil.copytree(rendered(), root)
    (root / ".env.staging.local").write_text("DATABASE_PASSWORD=hidden-pass-word\n")
    return Service(root, tmp_path / "state")


def test_check_says_that_all_is_in_order(service: Service) -> None:
    done = service.invoke("env.check")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The configuration of dev, staging, prod is in order.\n"


def test_check_exits_with_2_and_shows_where_and_what(service: Service) -> None:
    with (service.folder / ".env.staging").open("a") as file:
        file.write("LOG_LEVL=info\n")

    done = service.invoke("env.check", "--env=staging")

    assert done.returncode == 2
    assert done.stdout == ""
    assert ".env.staging:" in done.stderr
    assert 'did you mean "LOG_LEVEL"?' in done.stderr
    assert "error: 1 fault" in done.stderr
    assert service.invoke("env.check", "--env=prod").returncode == 0


def test_check_as_json_is_one_document(service: Service) -> None:
    (service.folder / ".env.staging.local").write_text("DATABASE_PASSWORD=changeme\n")

    done = service.invoke("env.check", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "ok": False,
        "findings": [
            {
                "file": ".env.staging.local",
                "line": 1,
                "name": "DATABASE_PASSWORD",
                "message": "still holds a placeholder; give it its real value",
            }
        ],
    }


def test_no_task_shows_a_secret(service: Service) -> None:
    for words in (("env.show", "--env=staging"), ("env.diff", "dev", "staging"), ("env.check", "--json")):
        done = service.invoke(*words)

        assert done.returncode == 0, done.stderr
        assert "hidden-pass-word" not in done.stdout + done.stderr
        assert "for-development-only" not in done.stdout + done.stderr
        if "check" not in words[0]:
            assert MASK in done.stdout


def test_show_says_where_each_value_comes_from(service: Service) -> None:
    rows = {line.split()[0]: line.split() for line in service.invoke("env.show", "--env=staging").stdout.splitlines()}

    assert rows["DATABASE_PASSWORD"] == ["DATABASE_PASSWORD", MASK, ".env.staging.local:1"]
    assert rows["APP_ENV"][1:] == ["staging", ".env.staging:4"]
    assert rows["ADMIN_PORT"][1:] == ["9090", "default"]


def test_diff_shows_what_differs_and_nothing_else(service: Service) -> None:
    lines = service.invoke("env.diff", "staging", "prod").stdout.splitlines()

    assert {line.split()[0] for line in lines} == {"variable", "APP_ENV", "EDGE_PORT", "DATABASE_PASSWORD"}


def test_a_deploy_is_refused_before_anything_happens(service: Service) -> None:
    make_repository(service.folder)
    (service.folder / ".env.staging").write_text("APP_ENV=\nDATABASE_URL=nowhere\n")

    done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "nothing was changed" in done.stderr
    assert "APP_ENV" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert not (service.folder / "dist").exists()


def test_a_schema_that_cannot_be_held_is_a_sentence(service: Service) -> None:
    with (service.folder / ".env.example").open("a") as file:
        file.write("\n# @secret\nNEW=1\n")

    done = service.invoke("env.check")

    assert done.returncode == 2
    assert "@secret is not supported here" in done.stderr
    assert "Traceback" not in done.stderr
