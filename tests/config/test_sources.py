"""Secrets come from commands that ask a KMS or a vault, in a stated order, and one that fails shows nothing of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.config.checks import check
from service_tasks.engine.config.configuration import Configuration, Environments
from service_tasks.engine.config.settings import Environment, read_settings
from service_tasks.engine.config.sources import parse_sources
from service_tasks.engine.core.errors import Fault, UsageFault

from .env_files import Folder
from .identities import make_key, write_secrets

CANARY = "canary-in-a-coal-mine"


def asking(folder: Folder, *sources: dict[str, Any]) -> Configuration:
    """Staging, whose secrets come from somewhere else."""
    environment = Environment("staging", secrets=parse_sources("secrets", list(sources)))
    return Environments(folder.root, ["dev", "staging"]).configuration(environment)


def command(folder: Folder, script: str, names: Sequence[str] = ("API_KEY",), **settings: Any) -> dict[str, Any]:
    """A source by a script of the shell, which is not part of what a message shows of a command."""
    path = folder.root / f"vault-{len(list(folder.root.glob('vault-*')))}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"command": [f"./{path.name}"], "names": list(names), **settings}


@pytest.mark.parametrize(
    ("script", "settings", "value"),
    [
        (f"echo API_KEY={CANARY}", {}, CANARY),
        (f"echo \"API_KEY='two\nlines'\"; echo OTHER={CANARY}", {"format": "env"}, "two\nlines"),
        (f'echo \'{{"API_KEY": "{CANARY}", "OTHER": {{}}}}\'', {"format": "json"}, CANARY),
        ("echo '{\"API_KEY\": 12345678}'", {"format": "json"}, "12345678"),
        (f"echo {CANARY}", {"format": "value"}, CANARY),
        (r"printf 'a\r\nb\r\n\n'", {"format": "value"}, "a\r\nb\r\n"),
    ],
)
def test_what_a_command_prints_is_read_as_its_format_says(
    folder: Folder, script: str, settings: dict[str, Any], value: str
) -> None:
    assert asking(folder, command(folder, script, **settings))["API_KEY"] == value


def test_a_later_source_is_stronger_and_each_gives_only_the_names_that_it_is_asked_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, recipient = make_key()
    monkeypatch.setenv("SECRETS_IDENTITY", identity)
    file = write_secrets(folder, recipient, API_KEY="from-the-file", CODE="file")
    first = command(folder, "echo API_KEY=from-the-first; echo CODE=first; echo REMOTE_URL=http://first")
    last = command(folder, "echo REMOTE_URL=http://last", ["REMOTE_URL"])

    configuration = asking(folder, first, {"file": file.name}, last)

    assert configuration["API_KEY"] == "from-the-file"
    assert configuration["CODE"] == "file"
    assert configuration["REMOTE_URL"] == "http://last"
    assert asking(folder, {"file": file.name}, first)["API_KEY"] == "from-the-first"


def test_a_source_is_asked_once_and_only_when_one_of_its_values_is_wanted(folder: Folder) -> None:
    configuration = asking(folder, command(folder, f"echo x >> asked; echo API_KEY={CANARY}; echo CODE=abc"))
    asked = folder.root / "asked"

    assert configuration["LOG_LEVEL"] == "info"
    assert not asked.exists()
    assert configuration["API_KEY"] == CANARY
    configuration.secret_values()
    assert asked.read_text() == "x\n"


def test_a_command_has_the_variables_of_the_shell_but_not_the_identity(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://vault.example.com")
    monkeypatch.setenv("SECRETS_IDENTITY", CANARY)

    value = asking(folder, command(folder, 'echo "$VAULT_ADDR-$SECRETS_IDENTITY"', format="value"))["API_KEY"]

    assert value == "http://vault.example.com-"


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        (f"echo {CANARY}; echo {CANARY} >&2; exit 7", {}, "vault-0 ended with status 7"),
        (f"echo OTHER={CANARY}", {}, "vault-0 gives no API_KEY"),
        (f"echo {CANARY} and no name", {}, "vault-0 gives lines that are neither a comment nor NAME=value"),
        (f"echo {CANARY}", {"format": "json"}, "vault-0 gives no JSON object"),
        (f'echo \'{{"API_KEY": ["{CANARY}"]}}\'', {"format": "json"}, "vault-0 gives no text for API_KEY"),
        (f"printf '{CANARY}\\377'", {"format": "value"}, "vault-0 gives no UTF-8 text"),
        (f"echo {CANARY}; exec sleep 60", {"timeout": 0.3}, "vault-0 did not answer within 0.3 s"),
        # A program that it has started, and that outlives it, holds nobody up.
        (f"echo {CANARY}; sleep 60; true", {"timeout": 0.3}, "vault-0 did not answer within 0.3 s"),
    ],
)
def test_a_source_that_fails_names_itself_and_shows_nothing_of_what_it_said(
    folder: Folder, script: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageFault) as refusal:
        asking(folder, command(folder, script, **settings))["API_KEY"]

    assert refusal.value.what == message
    assert "API_KEY" in refusal.value.where
    assert "./vault-0" in refusal.value.remedy
    assert CANARY not in str(refusal.value)


def test_a_program_that_is_not_there_is_named_with_what_to_do(folder: Folder) -> None:
    with pytest.raises(Fault, match="no-such-vault cannot be run") as refusal:
        asking(folder, {"command": ["no-such-vault", "read"], "names": ["API_KEY"]})["API_KEY"]
    assert refusal.value.code == 3


def test_a_check_of_one_environment_asks_all_its_sources_and_reports_each_fault(folder: Folder) -> None:
    sources = [command(folder, "exit 1"), command(folder, "exit 2", ["CODE", "CDOE"])]
    environment = Environment("staging", secrets=parse_sources("secrets", sources))
    environments = Environments(folder.root, ["dev", "staging"])

    found = {finding.message.partition(" (")[0] for finding in check(environments, environment).findings}

    assert "vault-0 ended with status 1" in found
    assert "vault-1 ended with status 2" in found
    assert 'is not in .env.example; did you mean "CODE"?' in found
    closed = check(Environments(folder.root, ["dev", "staging"]), environment, open_all=False)
    assert closed.closed == ["vault-0", "vault-1"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("secrets/prod.age", "a list of sources"),
        ([{}], "a mapping with either a file or a command"),
        ([{"file": "a.age", "command": ["x"]}], "a mapping with either a file or a command"),
        ([{"file": "../a.age"}], "a path below this folder that ends with .age"),
        ([{"file": "a.env"}], "a path below this folder that ends with .age"),
        ([{"command": "sops decrypt x", "names": ["A"]}], "a list of words"),
        ([{"command": ["x"]}], "a list of the variables that it gives"),
        ([{"command": ["x"], "names": ["A"], "format": "xml"}], "one of env, json, value"),
        ([{"command": ["x"], "names": ["A", "B"], "format": "value"}], "a list of one name"),
        ([{"command": ["x"], "names": ["A"], "timeout": 0}], "between 0 and 86400 seconds"),
        ([{"command": ["x"], "names": ["A"], "timeuot": 1}], 'did you mean "timeout"?'),
        ([{"file": "a.age", "names": ["A"]}], "names is not a setting"),
    ],
)
def test_sources_that_cannot_be_right_are_refused_where_they_stand(value: Any, message: str) -> None:
    document = {"service": "orders", "environments": {"prod": {"secrets": value}}}

    with pytest.raises(UsageFault) as refusal:
        read_settings(document)

    assert message in str(refusal.value)
    assert "environments.prod.secrets" in str(refusal.value)


def test_a_file_that_is_named_and_not_there_is_told(folder: Folder) -> None:
    with pytest.raises(UsageFault, match=r"secrets/shared\.age is not there"):
        asking(folder, {"file": "secrets/shared.age"})


def test_json_of_a_kubernetes_secret_or_a_vault_may_have_more_than_the_names(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps({"API_KEY": CANARY, "nothing": None, "flag": True, "deep": [1]}))

    configuration = asking(folder, command(folder, f"cat {tmp_path}/answer.json", format="json"))

    assert configuration.secret_values() == {"API_KEY": CANARY}
