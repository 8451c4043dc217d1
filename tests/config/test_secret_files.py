"""Secrets that are in git, encrypted: who can read them, what a check sees, and what a killed task leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.config.checks import Check, check
from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.dotenv import parse_env, replace_entry, write_entry
from service_tasks.engine.config.secret_file import Recipient, secret_file
from service_tasks.engine.config.settings import Environment
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.core.network import MASK
from service_tasks.engine.core.paths import replace_file
from service_tasks.engine.secrets.changes import Sides, changes

from .env_files import SECRET, Folder
from .identities import VARIABLES, as_text, make_key, write_secrets
from .test_values_byte_for_byte import AWKWARD

OTHER = "another-secret-of-eight"


@pytest.fixture
def recipient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The recipient of an identity that is at hand, and the only one."""
    identity, recipient = make_key()
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("SECRETS_IDENTITY", identity)
    return recipient


@pytest.fixture
def without_identity(recipient: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipient whose identity is somewhere else."""
    monkeypatch.delenv("SECRETS_IDENTITY")
    return recipient


def checked(folder: Folder, open_all: bool = True) -> Check:
    """What the check says of staging."""
    return check(Environments(folder.root, ["dev", "staging"]), Environment("staging"), open_all=open_all)


def test_encrypted_secrets_are_stronger_than_files_and_weaker_than_the_command_line(
    folder: Folder, recipient: str
) -> None:
    write_secrets(folder, recipient, API_KEY=OTHER)

    assert folder.configuration()["API_KEY"] == OTHER
    assert folder.configuration(sets=["API_KEY=from-the-command-line"])["API_KEY"] == "from-the-command-line"
    assert folder.configuration().given["API_KEY"].origin == "secrets/staging.age"
    assert folder.check() == []


def test_any_text_that_a_variable_can_hold_comes_back_byte_for_byte(folder: Folder, recipient: str) -> None:
    names = [f"V{number}" for number in range(len(AWKWARD))]
    folder.write(".env.example", "# @required\nAPP_ENV=dev\n", *(f"\n# @sensitive\n{name}=\n" for name in names))
    folder.write(".env.staging.local")
    write_secrets(folder, recipient, **dict(zip(names, AWKWARD, strict=True)))

    configuration = folder.configuration()

    assert [configuration[name] for name in names] == list(AWKWARD)


def test_what_an_environment_file_cannot_hold_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageFault, match="the value of API_KEY cannot be written") as refusal:
        write_entry("API_KEY", f"{SECRET}\0")
    assert SECRET not in str(refusal.value)


def test_what_needs_no_secret_needs_no_key(folder: Folder, without_identity: str) -> None:
    write_secrets(folder, without_identity, API_KEY=OTHER)

    configuration = folder.configuration()

    assert configuration["LOG_LEVEL"] == "info"
    assert configuration.has("API_KEY")
    assert configuration.masked("API_KEY") == MASK
    with pytest.raises(UsageFault, match=r"no identity that is here opens secrets/staging.age, which is for number 0"):
        configuration["API_KEY"]


def test_a_value_from_an_encrypted_file_is_handed_over_as_a_file_whatever_the_schema_calls_it(
    folder: Folder, recipient: str
) -> None:
    write_secrets(folder, recipient, API_KEY=OTHER, REMOTE_URL="https://example.com/token-in-a-path")

    configuration = folder.configuration()

    assert configuration.secret_values() == {
        "REMOTE_URL": "https://example.com/token-in-a-path",
        "API_KEY": OTHER,
    }
    assert "REMOTE_URL" not in configuration.service_values()
    assert configuration.masked("REMOTE_URL") == MASK


def test_a_check_of_all_environments_needs_no_key_and_that_of_one_names_who_has_it(
    folder: Folder, without_identity: str
) -> None:
    write_secrets(folder, without_identity, API_KEY=OTHER)

    assert checked(folder, open_all=False) == Check([], ["secrets/staging.age"])
    (finding,) = checked(folder).findings
    assert finding.file == "secrets/staging.age"
    assert "which is for number 0" in finding.message
    assert "SECRETS_IDENTITY_FILE" in finding.message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"API_KEY": "short"}, "the value is not at least 8 characters long"),
        ({"API_KEY": "changeme"}, "still holds a placeholder; give it its real value"),
        ({"API_KEY": OTHER, "CODE": "UPPER"}, "the value is not a text that matches ^[a-z]+$"),
        ({"API_KEY": OTHER, "API_KEE": "x"}, 'is not in .env.example; did you mean "API_KEY"?'),
    ],
)
def test_wrong_values_in_an_encrypted_file_are_told_and_not_shown(
    folder: Folder, recipient: str, values: dict[str, str], message: str
) -> None:
    write_secrets(folder, recipient, **values)

    (finding,) = checked(folder).findings

    assert (finding.file, finding.message) == ("secrets/staging.age", message)


def test_a_secret_that_is_missing_is_told_with_the_task_that_sets_it(folder: Folder, recipient: str) -> None:
    folder.write(".env.staging.local")
    write_secrets(folder, recipient, CODE="abc")

    (finding,) = checked(folder).findings

    assert finding.message == "is required and missing; secrets.set API_KEY --env=staging does"


def test_damage_two_sides_of_a_merge_and_other_names_are_told(folder: Folder, recipient: str) -> None:
    file = write_secrets(folder, recipient, API_KEY=OTHER)
    whole = file.data()
    for data, message in (
        (whole.replace(b"\n", b"", 3), "secrets/staging.age is damaged"),
        (whole[:200], "secrets/staging.age is damaged"),
        (b"<<<<<<< ours\n" + whole, "has two sides that git could not merge; secrets.merge does"),
    ):
        (folder.root / file.name).write_bytes(data)
        assert [message in finding.message for finding in checked(folder).findings] == [True]

    (folder.root / file.name).write_bytes(whole)
    (folder.root / "secrets" / "staging.names").write_text("CODE 2026-01-01\n")
    assert "the list of names beside it, are not the same; secrets.rotate" in checked(folder).findings[0].message


def test_recipients_for_whom_it_is_not_encrypted_are_told_without_a_key(folder: Folder, without_identity: str) -> None:
    file = write_secrets(folder, without_identity, API_KEY=OTHER)
    with (folder.root / file.recipients_path).open("a") as recipients:
        recipients.write(f"{make_key()[1]}\n")

    (finding,) = checked(folder, open_all=False).findings

    assert finding.message == "is encrypted for 1, and secrets/staging.recipients has 2; secrets.rotate mends it"


@pytest.mark.parametrize("at", [1, 2, 3])
def test_whoever_is_killed_while_saving_leaves_a_file_that_can_be_read_and_saved_again(
    folder: Folder, recipient: str, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    file = write_secrets(folder, recipient, make_key()[1], API_KEY=SECRET)
    write, done = replace_file, []

    def die_at(path: Path, content: bytes, *mode: int) -> None:
        done.append(path)
        if len(done) == at:
            raise KeyboardInterrupt
        write(path, content, *mode)

    with monkeypatch.context() as patch:
        patch.setattr("service_tasks.engine.config.secret_file.replace_file", die_at)
        with pytest.raises(KeyboardInterrupt):
            file.save(as_text({"API_KEY": OTHER}), file.values(), [Recipient(recipient, "who is left")])

    again = secret_file(folder.root, "staging")
    assert again.values()["API_KEY"] in (SECRET, OTHER)
    again.save(again.text(), again.values())
    settled = secret_file(folder.root, "staging")
    assert settled.faults() == []
    assert set(settled.names) == {"API_KEY"}


def test_the_day_of_a_value_is_that_of_its_last_change(folder: Folder, recipient: str) -> None:
    file = write_secrets(folder, recipient, API_KEY=SECRET, CODE="abc")
    path = folder.root / file.names_path
    path.write_text("API_KEY 2020-01-01\nCODE 2020-01-01\n")
    file = secret_file(folder.root, "staging")

    file.save(as_text({"API_KEY": SECRET, "CODE": "xyz"}), file.values())

    days = secret_file(folder.root, "staging").names
    assert days["API_KEY"] == "2020-01-01"
    assert days["CODE"] > "2026"


def test_a_file_is_for_somebody(folder: Folder, recipient: str) -> None:
    with pytest.raises(UsageFault, match="is for nobody yet"):
        secret_file(folder.root, "staging").save(as_text({"API_KEY": OTHER}), {})
    assert not (folder.root / "secrets").exists()


@pytest.mark.parametrize(
    ("text", "name", "value", "expected"),
    [
        ("A=1\n# about b\nB=2\n\nC=3\n", "B", "x y", "A=1\n# about b\nB='x y'\n\nC=3\n"),
        ("A=1\n\nB='two\nlines'\nC=3\n", "B", "2", "A=1\n\nB=2\nC=3\n"),
        ("A=1", "B", "2", "A=1\nB=2\n"),
        ("", "B", "2", "B=2\n"),
        ("A=1\nB=2\nC=3\n", "B", None, "A=1\nC=3\n"),
        ("B=1\nA=1\nB=2\n", "B", "3", "B=3\nA=1\n"),
    ],
)
def test_one_value_is_replaced_and_the_rest_of_the_text_stays(
    text: str, name: str, value: str | None, expected: str
) -> None:
    assert replace_entry(text, name, value) == expected
    assert parse_env(Path("x"), expected).values().get(name) == value


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "disputed", "merged"),
    [
        ("A=1\n", "A=1\nB=2\n", "A=1\nC=3\n", [], {"A": "1", "B": "2", "C": "3"}),
        ("A=1\nB=2\n", "A=9\nB=2\n", "A=1\n", [], {"A": "9"}),
        ("A=1\n", "A=2\n", "A=2\n", [], {"A": "2"}),
        ("A=1\n", "A=2\n", "A=3\n", ["A"], {"A": "2"}),
        ("A=1\n", "", "A=3\n", ["A"], {}),
        ("", "A=1\n", "A=2\n", ["A"], {"A": "1"}),
    ],
)
def test_two_edits_are_merged_by_name(
    base: str, ours: str, theirs: str, disputed: list[str], merged: dict[str, str]
) -> None:
    read: Any = [parse_env(Path("x"), text).values() for text in (base, ours, theirs)]
    sides = Sides(*read)

    assert sides.disputed() == disputed
    assert parse_env(Path("x"), sides.merged(ours, [])).values() == merged
    for name in disputed:
        assert parse_env(Path("x"), sides.merged(ours, [name])).values().get(name) == read[2].get(name)


def test_changes_are_told_by_names_alone() -> None:
    told = changes({"A": "1", "B": SECRET, "C": "3"}, {"A": "1", "B": OTHER, "D": "4"}).lines()

    assert told == ["+ D", "~ B", "- C"]
