"""Identities, and encrypted files of environments that no service has."""

from __future__ import annotations

from collections.abc import Mapping

from pyrage import x25519

from service_tasks.engine.config.age import IDENTITY, IDENTITY_FILE
from service_tasks.engine.config.dotenv import write_entry
from service_tasks.engine.config.secret_file import Recipient, SecretFile, secret_file

from .env_files import Folder

VARIABLES = (IDENTITY, IDENTITY_FILE)


def make_key() -> tuple[str, str]:
    """An identity and its recipient."""
    made = x25519.Identity.generate()
    return str(made), str(made.to_public())


def write_secrets(folder: Folder, *recipients: str, env: str = "staging", **values: str) -> SecretFile:
    """The encrypted file of an environment, with some values, for some."""
    file = secret_file(folder.root, env)
    file.save(as_text(values), {}, [Recipient(each, f"number {at}") for at, each in enumerate(recipients)])
    return secret_file(folder.root, env)


def as_text(values: Mapping[str, str]) -> str:
    """Values as lines."""
    return "".join(f"{write_entry(name, value)}\n" for name, value in values.items())
