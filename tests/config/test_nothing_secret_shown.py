"""What stands in an environment's files and may be secret is in no message, whatever is wrong with the files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from service_tasks.engine.config.dotenv import read_env_file
from service_tasks.engine.config.schema import read_schema
from service_tasks.engine.config.settings import read_settings
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.core.network import MASK

from ..support.service import Service
from .env_files import Folder

KEY = (
    "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu",
    "KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm",
    "o3qGy0t6z09AIJtH+5OeRV1be+N4cDYJKffGzDa88vQENZiaBhfu+9iX5QNCMsGa",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU2Nzg5QUJDREVGR0hJSktM",
    "XYZABCDEFGHIJ",
    "QXJnbA==",
)
PASTED = ("API_KEY=-----BEGIN RSA PRIVATE KEY-----", *KEY, "-----END RSA PRIVATE KEY-----")


def told(folder: Folder) -> str:
    """All that the check says of staging."""
    return "\n".join(str(dataclasses.astuple(finding)) for finding in folder.check())


@pytest.mark.parametrize("name", [".env.staging.local", ".env.staging"])
@pytest.mark.parametrize(
    "lines",
    [
        PASTED,
        ('API_KEY="-----BEGIN RSA PRIVATE KEY-----', *KEY),
        ("API_KEY='-----BEGIN RSA PRIVATE KEY-----", *KEY),
        KEY[-1:],
        (*KEY, *KEY),
        (KEY[-1], KEY[-1]),
        ("API_KEY: " + KEY[0],),
        ("{" + f'"API_KEY": "{KEY[0]}"' + "}",),
        (f"export {KEY[0]}",),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_file_and_number_and_never_shown(
    folder: Folder, name: str, lines: tuple[str, ...]
) -> None:
    folder.write(name, "APP_ENV=staging\n")
    folder.add(name, *lines)

    text = told(folder)

    assert name in text
    assert not [line for line in KEY if line in text or line.rstrip("=") in text]


def test_the_schema_does_not_show_a_line_that_it_cannot_read(folder: Folder) -> None:
    folder.write(".env.example", "# @sensitive\n", "\n".join(PASTED))

    with pytest.raises(UsageFault) as refusal:
        read_schema(folder.root / ".env.example")

    assert refusal.value.where == ".env.example:3"
    assert not [line for line in KEY if line in str(refusal.value)]


def test_a_secret_in_the_place_of_a_path_is_not_shown(folder: Folder) -> None:
    folder.write(".env.staging.local", f"API_KEY_FILE={KEY[0]}\n")

    assert KEY[0] not in told(folder)


def test_a_password_in_a_url_is_masked(folder: Folder) -> None:
    folder.add(".env.staging.local", "REMOTE_URL=https://somebody:hunter2@example.com/x?a=b:c@d")
    assert folder.configuration().masked("REMOTE_URL") == f"https://somebody:{MASK}@example.com/x?a=b:c@d"

    folder.write(".env.staging.local", "API_KEY=abcdefghi\n", "REMOTE_URL=https://somebody:hunter2@[x/\n")
    assert "not a URL" in told(folder)
    assert "hunter2" not in told(folder)


def test_a_password_in_a_url_is_a_secret_in_a_tracked_file(folder: Folder) -> None:
    folder.add(".env.staging", "REMOTE_URL=https://somebody:hunter2@example.com/")
    folder.add(".env.dev", "REMOTE_URL=https://somebody:hunter2@example.com/")

    assert folder.only().message.startswith("is a secret in a tracked file")
    assert folder.check("dev") == []


@pytest.mark.parametrize(
    "setting",
    [{"hosts": ["ssh://deploy:hunter2@example.com"]}, {"registry": "https://somebody:hunter2@example.com/team"}],
)
def test_a_password_in_the_settings_is_not_shown(setting: dict[str, object]) -> None:
    data = {"service": "orders", "environments": {"staging": {"target": "docker", **setting}}}

    with pytest.raises(UsageFault) as refusal:
        read_settings(data)

    assert "example.com" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / ".env.dev"
    path.write_bytes("A=1\nB=secrète\n".encode("latin-1"))

    with pytest.raises(UsageFault) as refusal:
        read_env_file(path)

    assert refusal.value.where == ".env.dev:2"
    assert "secr" not in str(refusal.value)


@pytest.mark.parametrize("task", ["env.check", "env.show", "env.diff --one=dev --two=staging", "deploy"])
def test_no_task_shows_a_key_that_was_pasted_without_quotes(service: Service, task: str) -> None:
    path = service.folder / ".env.staging.local"
    path.write_text(path.read_text() + "\n".join(["DATABASE_PASSWORD=-----BEGIN PRIVATE KEY-----", *KEY, ""]))

    words = task.split()
    done = service.invoke(*words, *([] if "--one=dev" in words else ["--env=staging"]))

    assert not [line for line in KEY if line in done.stdout + done.stderr]
    assert "Traceback" not in done.stderr
