"""A value reaches the service as it was written, whatever is in it and whichever way the service is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.config.checks import check
from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.dotenv import read_env_file
from service_tasks.engine.config.settings import Environment, Settings
from service_tasks.engine.docker.compose import ComposeProject
from service_tasks.engine.docker.endpoint import LOCAL, Endpoint

from ..support.service import docker
from .env_files import SECRET, Folder

READ_THE_SAME = (
    *("plain", "a b", "a  b ", "'a b'", '"a b"', "a#b", "a #b", "#ab", '"a#b" # c', "'a' # c", "a'b", 'a"b', "a=b"),
    *("=x", "🚀", '"🚀"', '"two\nlines"', "'two\nlines'", '"l1\\nl2"', '"tab\\t"', '"back\\\\slash"', "back\\slash"),
    *("'pa$$word'", "'a${X}b'", "'$'", "'line\\n'", "'it\\'s'", '"say \\"hi\\""', "", "''", '""', "`x`", "%", "{{x}}"),
    *("é", "a:b", "[a]", "{a: b}", "~", "null", "true", "0x1", "!x", "*x", "&x", '"trail\n"', "'trail\n'", "a;b"),
)
READ_OTHERWISE = (
    *("pa$$word", "a${X}b", '"a${HOME}"', "'line\\\\n'", '"\\$x"', "\\$x", " #ab", "a\t#b", '"a\\\'b"', '"\\0"', "a$"),
    *("$", "$(ls)", "$1", "'a\\\\'", '"\\\\$x"', "\u2028x"),
)
AWKWARD = (
    *("🚀", "a🚀b", "\U0010ffff", "\U0001f680\\ud83d\\ude80", "\\ud83d", "\x7f", "\x85", "\u2028", "\u2029", "\ufeffx"),
    *("\uffff", "\x01\x1f", "\t", "a\nb\n", "a\r\nb\r", "$", "$$", "${X}", "$X", "'", '"', "\\", "\\\\", "{{x}}", "é"),
    *(" a ", "null", "0o7", "1e3", "- a", "a: b", "#a", "%", "`", "\u00a0"),
)


def by_compose(document: Path, text: str) -> dict[str, dict[str, str]]:
    """The services' environments as Compose understands a document, whose dollar signs it doubles again."""
    document.write_text(text, encoding="utf-8")
    words = ("--project-name", "t", "--env-file", "/dev/null", "--file", str(document), "config", "--format", "json")
    done = docker("compose", *words)
    assert done.returncode == 0, done.stderr
    services: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return {
        service: {name: str(value).replace("$$", "$") for name, value in found["environment"].items()}
        for service, found in services.items()
    }


def messages_on(folder: Folder, written: str) -> list[str]:
    """What the check says of a value as it is written in a tracked file."""
    folder.write(".env.example", "# @required\nAPP_ENV=dev\n\nNOTE=\n")
    folder.write(".env.dev", "APP_ENV=dev\n", "NOTE=\n")
    folder.write(".env.staging", "APP_ENV=staging\n", f"NOTE={written}\n")
    folder.write(".env.staging.local")
    return [finding.message for finding in folder.check()]


@pytest.mark.docker
def test_a_value_that_the_check_takes_is_the_same_for_compose(folder: Folder) -> None:
    services, ours = {}, {}
    for number, written in enumerate(READ_THE_SAME):
        assert messages_on(folder, written) == []
        file = (folder.root / ".env.staging").rename(folder.root / f"{number}.env")
        services[f"a{number}"] = {"image": "x", "env_file": str(file)}
        ours[f"a{number}"] = read_env_file(file).values()

    assert by_compose(folder.root / "compose.json", json.dumps({"services": services})) == ours


@pytest.mark.parametrize("written", READ_OTHERWISE)
def test_a_value_that_compose_reads_otherwise_is_refused_with_the_way_to_write_it(folder: Folder, written: str) -> None:
    assert messages_on(folder, written) == [
        "is read otherwise by Docker Compose; write it in single quotes, or set it in .env.staging.local"
    ]


def test_what_compose_never_reads_may_be_written_in_any_way(folder: Folder) -> None:
    folder.write(".env.staging.local", "API_KEY=pa$$word${X}\n")

    assert folder.check() == []
    assert folder.configuration()["API_KEY"] == "pa$$word${X}"


@pytest.mark.docker
def test_what_the_tasks_hand_to_compose_is_the_value_as_it_is(tmp_path: Path) -> None:
    names = [f"V{number}" for number in range(len(AWKWARD))]
    (tmp_path / ".env.example").write_text("# @required\nAPP_ENV=dev\n" + "".join(f"{name}=\n" for name in names))
    (tmp_path / ".env.staging").write_text("APP_ENV=staging\n")
    for file in ("docker-compose.yml", "docker-compose.override.yml"):
        (tmp_path / file).write_text("services: {}\n")
    environment = Environment("staging")
    sets = [f"{name}={value}" for name, value in zip(names, AWKWARD, strict=True)]
    environments = Environments(tmp_path, ["staging"])
    assert check(environments, environment, sets).findings == []
    configuration = environments.configuration(environment, sets)
    project = ComposeProject(
        tmp_path, tmp_path / "state", Settings("orders", "none", {}), configuration, Endpoint(LOCAL)
    )

    slot = project.write_slot("blue", "release", "volume", project.service_document("image", "release"))

    theirs = by_compose(tmp_path / "read.json", slot.read_text(encoding="utf-8"))["app-blue"]
    assert {name: theirs[name] for name in names} == dict(zip(names, AWKWARD, strict=True))


@pytest.mark.parametrize("value", ["plain", "a\n", "a\n\n", "a\r", "a\r\n", "\n", "two\nlines", "🚀\n"])
def test_a_secrets_file_gives_the_value_with_its_line_ends(folder: Folder, value: str) -> None:
    content = folder.configuration(sets=[f"API_KEY={value}"]).secret_values()["API_KEY"]

    # As the service reads it: without one line end.
    assert content.removesuffix("\n").removesuffix("\r") == value


def test_a_file_that_holds_a_value_is_read_as_it_is(folder: Folder) -> None:
    (folder.root / "key").write_bytes(b"first\r\nsecond\r\n")
    folder.write(".env.staging.local", "API_KEY_FILE=key\n")

    assert folder.configuration()["API_KEY"] == "first\r\nsecond"


@pytest.mark.parametrize(
    ("value", "message"),
    [("a\0b", "holds a NUL character"), ("x" * 200_000, "is longer than 100000 bytes")],
)
def test_a_value_that_no_process_can_be_given_is_told(folder: Folder, value: str, message: str) -> None:
    folder.write(".env.example", "# @required\nAPP_ENV=dev\nNOTE=\n")
    folder.write(".env.staging.local", f"NOTE='{value}'\n")
    folder.write(".env.dev", "APP_ENV=dev\n")

    assert folder.only().message.startswith(message)


def test_bytes_on_the_command_line_that_are_no_text_are_refused(folder: Folder) -> None:
    argument = b"API_KEY=abcdefgh\xff".decode(errors="surrogateescape")

    with pytest.raises(Exception, match="--set API_KEY: the value is no UTF-8 text") as refusal:
        folder.configuration(sets=[argument])
    assert "abcdefgh" not in str(refusal.value)


@pytest.mark.parametrize("target", ["docker", "process"])
def test_what_is_shown_is_what_the_service_gets_unless_the_target_decides(folder: Folder, target: str) -> None:
    folder.add(".env.staging", "WORKERS=3", "LOG_LEVEL=", "HTTP_PORT=1234")
    configuration = Environments(folder.root, ["staging"]).configuration(Environment("staging", target=target))
    handed = {**configuration.service_values(), **configuration.secret_values()}

    for name, variable in configuration.schema.variables.items():
        if not variable.of_stack and not configuration.decided_by(name):
            assert handed.get(name, "") == configuration[name]
    assert (handed["WORKERS"], handed["LOG_LEVEL"], handed["API_KEY"]) == ("3", "info", SECRET)
    assert "HTTP_PORT" not in handed
