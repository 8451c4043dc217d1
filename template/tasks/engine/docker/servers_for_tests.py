"""The servers of a stack for development, as the service's tests use them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from ..config.configuration import GENERATED
from ..config.settings import SERVERS
from .stack import Stack

GRANT = """\
password=$(cat "$MYSQL_ROOT_PASSWORD_FILE") &&
MYSQL_PWD=$password mysql --user=root --execute="GRANT ALL ON \\`test\\_%\\`.* TO '$MYSQL_USER'@'%'"
"""
"""Tests make databases of their own, which the service's user may not."""


def servers_for_tests(stack: Stack, values: Mapping[str, str]) -> dict[str, str]:
    """Bring the stack's own servers up, and give the variables by which tests find them."""
    found = {f"TEST_{name}": url for name, url in stack.urls_for_host(values).items()}
    server = stack.project.settings.server
    if server and f"TEST_{server.variable}" in found:
        found[f"TEST_{server.variable}"] = _with_password(found[f"TEST_{server.variable}"], values.get(GENERATED, ""))
        if server == SERVERS["mysql"]:
            stack.engine.execute(stack.require(server.name), ["bash", "-c", GRANT])
    return found


def _with_password(url: str, password: str) -> str:
    """The URL with a password: it goes to the tests in their environment, which is nobody else's."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}{at}{host}"))
