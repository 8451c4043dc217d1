"""Which value is in force: files, the command line, files that hold a secret; and to whom it goes."""

from __future__ import annotations

import pytest

from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.dotenv import read_env_file
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.core.network import MASK

from .env_files import SECRET, Folder


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
        "names what is not a readable file",
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
    assert {"APP_ENV": "staging", "EDGE": "2"}.items() <= configuration.service_values().items()
    assert not {"EDGE_PORT", "EDGE_IMAGE"} & set(configuration.service_values())


def test_values_part_into_the_services_the_secret_and_the_stacks(folder: Folder) -> None:
    folder.add(".env.staging", "WORKERS=3", "EDGE_PORT=8081")
    configuration = folder.configuration()

    assert configuration.service_values() == {
        "APP_ENV": "staging",
        "LOG_LEVEL": "info",
        "WORKERS": "3",
        "RATIO": "0.5",
        "TRACING": "false",
    }
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

    path = environments.generate_secret("staging", "DATABASE_PASSWORD", "the password of a database")

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
