"""Hooks: a service's own programs, run at fixed points of a deploy.

An executable file `hooks/<name>` is run from the service's root with what is known of the deploy in DEPLOY_SERVICE,
DEPLOY_ENV, DEPLOY_TARGET, DEPLOY_URL, DEPLOY_ACTION, DEPLOY_VERSION, DEPLOY_COMMIT, DEPLOY_RELEASE and DEPLOY_REASON.
With DEPLOY_LOCK, `maintenance` in a hook makes do with the lock of the deploy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..core.errors import DeployFault, MissingFault
from ..core.runner import Outcome, Runner, clean_environment
from .lock import lent

FOLDER = "hooks"
PREFIX = "DEPLOY_"
NOT_STARTED = 126
"""As of a shell, for what is there and cannot be run."""


@dataclass(frozen=True)
class Hooks:
    """The hooks of one deploy; what one says goes to `log`."""

    runner: Runner
    facts: Mapping[str, str]
    log: TextIO

    def has(self, name: str) -> bool:
        """Whether there is such a hook."""
        path = self.runner.root / FOLDER / name
        return path.is_file() and os.access(path, os.X_OK)

    def before(self, name: str, **facts: str) -> None:
        """Run a hook that may refuse: one that fails ends the deploy with DeployFault."""
        done = self._run(name, facts)
        if not done.ok:
            raise DeployFault(
                f"the hook {name} refused (exit code {done.status})",
                where=f"{FOLDER}/{name}",
                details=done.tail(5),
                remedy="do what the hook asks for, or mend it",
            )

    def after(self, name: str, **facts: str) -> None:
        """Run a hook that only hears of it: one that fails is told, and changes nothing."""
        done = self._run(name, facts)
        if not done.ok:
            print(f"  the hook {name} failed (exit code {done.status}): {' '.join(done.tail(2))}", file=self.log)

    def _run(self, name: str, facts: Mapping[str, str]) -> Outcome:
        path = self.runner.root / FOLDER / name
        if not self.has(name):
            return Outcome(0, "", "")
        known = {f"{PREFIX}{key.upper()}": value for key, value in {**self.facts, **facts}.items()} | lent()
        try:
            done = self.runner.run([str(path)], env=clean_environment(known))
        except (OSError, MissingFault) as error:
            return Outcome(NOT_STARTED, "", f"{FOLDER}/{name} cannot be started: {_why(path, error)}")
        for line in done.stdout.splitlines():
            print(f"  {name}: {line}", file=self.log, flush=True)
        return done


def _why(path: Path, error: Exception) -> str:
    """Why a program does not start, as far as its first line tells."""
    first = path.read_bytes()[:256].partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return "its first line does not name a program, as in #!/bin/sh"
    if first.endswith(b"\r"):
        return "its lines end as on Windows (CRLF)"
    return f"{first.decode(errors='replace')}: {getattr(error, 'what', error)}"
