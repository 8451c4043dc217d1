"""Rendered services to work on, and their builds."""

from __future__ import annotations

import shutil
from pathlib import Path

from maintain.rendering import make_repository

from ..support.service import Service

WITHOUT_TLS = {"postgres": "sslmode=disable", "mysql": "tls=false"}
"""The databases with a server, and what the query of their URL says of encryption in the tests."""


def checkout(rendered: Path, folder: Path) -> Service:
    """A copy in a repository with one commit."""
    shutil.copytree(rendered, folder / "orders")
    make_repository(folder / "orders")
    return Service(folder / "orders", folder / "state")


def build(service: Service, *words: str) -> None:
    """Build, which has to succeed."""
    done = service.invoke("build", *words, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
