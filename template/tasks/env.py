"""Tasks on the configuration of environments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from invoke.context import Context

from .cli import ENV, JSON, leave, service_task, session
from .engine.config.configuration import COMMAND_LINE, Configuration
from .engine.config.findings import Finding
from .engine.core.console import print_json, table


@service_task(help={"env": "one environment (default: all of them)", **JSON})
def check(c: Context, env: str = "", json: bool = False) -> None:
    """Hold environment files against .env.example; exit code 2 and every fault where they do not fit."""
    s = session(c, env, json)
    wanted = [s.environment] if env else list(s.settings.environments.values())
    findings = [finding for environment in wanted for finding in s.environments.check(environment)]
    if json:
        print_json({"ok": not findings, "findings": [vars(finding) for finding in findings]})
    elif not findings:
        print("The configuration of " + ", ".join(environment.name for environment in wanted) + " is in order.")
    else:
        report(findings, sys.stderr)
    if findings:
        leave(2, "" if json else f"error: {counted(findings)} in the configuration")


@service_task(help={"one": "an environment", "two": "the environment to compare it with"})
def diff(c: Context, one: str, two: str) -> None:
    """Show the variables that differ between two environments, secrets masked."""
    s = session(c)
    pair = [s.environments.configuration(s.settings.environment(name)) for name in (one, two)]
    known = s.environments.schema.variables
    names = [name for name in known if len({each.decided_by(name) or each[name] for each in pair}) > 1]
    if not names:
        print(f"{one} and {two} have the same values.")
        return
    table(("variable", one, two), [[name, *(_shown(side, name) for side in pair)] for name in names])


@service_task(help=ENV)
def show(c: Context, env: str = "dev") -> None:
    """Show every variable of an environment with where its value comes from, secrets masked."""
    s = session(c, env)
    configuration = s.environments.configuration(s.environment)
    rows = []
    for name in s.environments.schema.variables:
        value = configuration.given.get(name)
        value = value if value and value.text else None
        origin = value.origin if value else "default"
        line = f":{value.line}" if value and value.origin != COMMAND_LINE else ""
        decider = configuration.decided_by(name)
        note = f"decided by {decider}" + (f", not by {origin}{line}" if value else "") if decider else origin + line
        rows.append((name, _shown(configuration, name), note))
    table(("variable", "value", "from"), rows)


def counted(findings: Sequence[Finding]) -> str:
    """How many faults there are, in words."""
    return "1 fault" if len(findings) == 1 else f"{len(findings)} faults"


def report(findings: Sequence[Finding], file: TextIO) -> None:
    """Print all findings as one table."""
    table(("where", "variable", "what is wrong"), [(f.where, f.name or "-", f.message) for f in findings], file)


def _shown(configuration: Configuration, name: str) -> str:
    """A value fit for a cell; a dash where there is none, or none that counts."""
    return "-" if configuration.decided_by(name) else configuration.masked(name) or "-"
