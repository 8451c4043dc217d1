"""Whether the service still holds after an update: its modules are tidy, it builds, its tests pass."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ..build.gobuild import TAGS
from ..build.toolchain import find_go
from ..core.console import Console
from ..core.errors import BuildFault, MissingFault
from ..core.runner import Outcome, Runner
from .report import BROKEN, PASSED, Report

UNREACHABLE = re.compile(
    r"dial tcp|no such host|connection (?:refused|reset)|i/o timeout|TLS handshake|module lookup disabled"
    r"|unexpected status|\b(?:40[34]|50[0-9]) [A-Z]|toolchain not available|GOTOOLCHAIN=local"
)


@dataclass(frozen=True)
class Prover:
    """Runs Go where there is one, and says what that leaves unproven."""

    runner: Runner
    console: Console

    def prove(self, report: Report) -> None:
        """Tidy the modules, build and test; the report gets what came of each, and the exit code of what failed."""
        go = find_go()
        if not go:
            report.fail(MissingFault.code, "not proven: there is no Go here to build and test with")
            return
        with self.console.step("modules"):
            tidied = self._go(go, "mod", "tidy")
        if not tidied.ok and UNREACHABLE.search(tidied.stderr):
            report.fail(MissingFault.code, _told("not proven: modules cannot be reached (go mod tidy)", tidied))
            return
        if not tidied.ok:
            report.build = BROKEN
            report.fail(BuildFault.code, _told("go mod tidy fails", tidied))
            return
        report.build = self._check(report, "build", go, "build", "-tags", TAGS, "./...")
        if report.build == PASSED:
            report.test = self._check(report, "test", go, "test", "-tags", TAGS, "./...")

    def _check(self, report: Report, name: str, go: str, *words: str) -> str:
        with self.console.step(name):
            done = self._go(go, *words)
        if not done.ok:
            report.fail(BuildFault.code, _told(f"go {name} fails", done))
        return PASSED if done.ok else BROKEN

    def _go(self, go: str, *words: str) -> Outcome:
        return self.runner.run([go, *words], env={**os.environ, "CGO_ENABLED": "0"})


def _told(what: str, done: Outcome) -> str:
    """What failed, with the last lines of both outputs: `go test` tells failures on standard output."""
    lines = [
        line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not line.startswith(("ok ", "?"))
    ]
    return "\n".join([what, *(f"  {line}" for line in lines[-20:])])
