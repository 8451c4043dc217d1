"""Secrets of a service in git, as its tasks keep them."""

from __future__ import annotations

import subprocess

from ..config.identities import make_key
from .service import Service


def keep_in_git(service: Service, **values: str) -> None:
    """Keep secrets of staging, encrypted for an identity that the service's tasks have from now on."""
    identity, recipient = make_key()
    service.env["SECRETS_IDENTITY"] = identity
    _run(service, "secrets.recipients", "add", recipient)
    for name, value in values.items():
        set_secret(service, name, value)


def set_secret(service: Service, name: str, value: str) -> None:
    """Give a secret of staging another value."""
    _run(service, "secrets.set", name, feed=value)


def _run(service: Service, *words: str, feed: str = "") -> None:
    argv, env = service.command(*words, "--env=staging"), service.environment()
    subprocess.run(argv, cwd=service.folder, env=env, input=feed, text=True, check=True, capture_output=True)
