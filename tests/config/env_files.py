"""The environment files of a service that no template made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from service_tasks.engine.config.checks import check
from service_tasks.engine.config.configuration import Configuration, Environments
from service_tasks.engine.config.findings import Finding
from service_tasks.engine.config.settings import Environment

SCHEMA = """\
# What this service reads.
#
# @defaultRequired=false
# ---

# @required
APP_ENV=dev

# @type=enum(debug, info, warn, error)
LOG_LEVEL=info

# @type=port
HTTP_PORT=8080

# @type=number(isInt=true, min=1, max=10)
WORKERS=2

# @type=number
RATIO=0.5

# @type=boolean
TRACING=false

# @type=url
REMOTE_URL=

# @type=string(minLength=2, maxLength=5, matches="^[a-z]+$")
CODE=

# @required @sensitive @type=string(minLength=8)
API_KEY=

# @required @type=port
EDGE_PORT=8080
"""
SECRET = "abcdefgh-is-secret"


class Folder:
    """A service's environment files; dev is for development, staging is not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write(".env.example", SCHEMA)
        self.write(".env.dev", "APP_ENV=dev\n", f"API_KEY={SECRET}\n")
        self.write(".env.staging", "APP_ENV=staging\n")
        self.write(".env.staging.local", f"API_KEY={SECRET}\n")

    def write(self, name: str, *lines: str) -> None:
        """Replace a file."""
        (self.root / name).write_text("".join(lines), encoding="utf-8")

    def add(self, name: str, *lines: str) -> None:
        """Add lines to a file."""
        with (self.root / name).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def check(self, env: str = "staging", sets: Iterable[str] = ()) -> list[Finding]:
        """What is wrong with an environment."""
        environments = Environments(self.root, sorted({"dev", "staging", env}))
        return check(environments, self._environment(env), sets).findings

    def only(self, env: str = "staging", sets: Iterable[str] = ()) -> Finding:
        """The one thing that is wrong."""
        findings = self.check(env, sets)
        assert len(findings) == 1, findings
        return findings[0]

    def configuration(self, env: str = "staging", sets: Iterable[str] = ()) -> Configuration:
        """The resolved values."""
        return Environments(self.root, ["dev", "staging"]).configuration(self._environment(env), sets)

    def _environment(self, env: str) -> Environment:
        return Environment(env, development=env == "dev")
