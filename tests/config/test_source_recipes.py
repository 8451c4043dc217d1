"""The recipes of docs/secrets.md, with the real programs: sops and age on the PATH (go install builds both)."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.settings import Environment
from service_tasks.engine.config.sources import parse_sources

from ..support.service import ROOT
from .env_files import Folder
from .identities import make_key

pytestmark = pytest.mark.full
CANARY = "canary-in-a-coal-mine"


def recipe(program: str) -> list[str]:
    """The command of a program, as the documentation shows it."""
    text = (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| .* \| `(\[{program}, .*\])` \|", text, re.MULTILINE)
    assert found, program
    words: list[str] = yaml.safe_load(found[1])
    return words


def run(folder: Folder, command: str, feed: str = "", **env: str) -> None:
    """Run a program in the service's folder."""
    words = shlex.split(command)
    subprocess.run(words, cwd=folder.root, env={**os.environ, **env}, input=feed.encode(), check=True)


def value(folder: Folder, command: list[str], form: str) -> str:
    """The secret that a command gives."""
    source = {"command": command, "names": ["API_KEY"], "format": form}
    environment = Environment("staging", secrets=parse_sources("secrets", [source]))
    return Environments(folder.root, ["dev", "staging"]).configuration(environment)["API_KEY"]


@pytest.fixture
def identity(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> str:
    """An identity that the programs find; gives its recipient."""
    for program in ("sops", "age"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is not on the PATH")
    key, recipient = make_key()
    (folder.root / "identity.txt").write_text(f"{key}\n")
    (folder.root / "secrets").mkdir()
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(folder.root / "identity.txt"))
    return recipient


def test_sops_gives_what_it_has_encrypted(folder: Folder, identity: str) -> None:
    plain = folder.root / "plain.yaml"
    plain.write_text(yaml.safe_dump({"API_KEY": f"{CANARY} $x", "OTHER": "1"}))
    target = folder.root / "secrets" / "prod.sops.yaml"
    run(folder, f"sops encrypt --age {identity} --output {target} {plain}")

    assert CANARY not in target.read_text()
    assert value(folder, recipe("sops"), "env") == f"{CANARY} $x"


def test_sops_without_the_key_names_itself_and_shows_nothing(
    folder: Folder, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = folder.root / "plain.yaml"
    plain.write_text(yaml.safe_dump({"API_KEY": CANARY}))
    run(folder, f"sops encrypt --age {identity} --output secrets/prod.sops.yaml {plain}")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(folder.root / "none"))

    with pytest.raises(Exception, match="sops ended with status") as refusal:
        value(folder, recipe("sops"), "env")
    assert CANARY not in str(refusal.value)


def test_age_by_hand_and_the_tasks_own_file_are_the_same_format(folder: Folder, identity: str) -> None:
    run(folder, f"age --encrypt --recipient {identity} --output secrets/prod.env.age", f"API_KEY={CANARY}\n")
    command = [word.replace("/etc/orders/identity.txt", "identity.txt") for word in recipe("age")]

    assert value(folder, command, "env") == CANARY


def test_a_file_that_age_has_armored_is_read_by_the_tasks(
    folder: Folder, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, f"age --encrypt --armor --recipient {identity} --output secrets/staging.age", f"API_KEY={CANARY}\n")
    (folder.root / "secrets" / "staging.names").write_text("API_KEY 2026-01-01\n")
    (folder.root / "secrets" / "staging.recipients").write_text(f"{identity}\n")
    monkeypatch.setenv("SECRETS_IDENTITY_FILE", str(Path(folder.root) / "identity.txt"))

    assert folder.configuration()["API_KEY"] == CANARY
    assert folder.check() == []
