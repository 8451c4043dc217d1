"""Tasks on the configuration of environments."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TextIO

from invoke.context import Context

from .cli import ENV, JSON, Session, leave, service_task, session
from .engine.config import checks as checks_of
from .engine.config.configuration import COMMAND_LINE, Configuration
from .engine.config.findings import Finding
from .engine.config.repairs import repair
from .engine.config.settings import Environment
from .engine.core.console import print_json, table
from .engine.secrets import leaks


@service_task(
    help={"env": "one environment (default: all of them)", "history": "look for secrets in git's past, too", **JSON}
)
def check(c: Context, env: str = "", history: bool = False, json: bool = False) -> None:
    """Hold environment files against .env.example; exit code 2 and every fault where they do not fit.

    With --env, all its secrets are opened; else those that somebody here can open without asking a vault.
    """
    s = session(c, env, json)
    wanted = [s.environment] if env else list(s.settings.environments.values())
    checks = [checks_of.check(s.environments, each, open_all=bool(env)) for each in wanted]
    findings = [finding for each in checks for finding in each.findings]
    closed = sorted({origin for each in checks for origin in each.closed})
    findings += _leaks(s, wanted, closed, history)
    notes = [note for each in checks for note in each.notes]
    if json:
        document: dict[str, Any] = {"ok": not findings, "findings": [vars(finding) for finding in findings]}
        more = {"closed": closed, "notes": [vars(note) for note in notes]}
        print_json({**document, **{name: value for name, value in more.items() if value}})
    elif not findings:
        print("The configuration of " + ", ".join(environment.name for environment in wanted) + " is in order.")
    else:
        report(findings, sys.stderr)
    for note in notes if not json else ():
        print(f"{note.where}: {note.name} {note.message}", file=sys.stderr)
    if closed and not env and not json:
        print(f"Not opened: {', '.join(closed)}; env.check --env=NAME does, and so does a deploy.")
    if findings:
        leave(2, "" if json else f"error: {counted(findings)} in the configuration")


@service_task(help={"env": "one environment (default: all of them)", **JSON})
def fix(c: Context, env: str = "", json: bool = False) -> None:
    """Mend environment files where that changes no value; what is left is told as by env.check, which runs after it."""
    s = session(c, env, json)
    wanted = [s.environment] if env else list(s.settings.environments.values())
    done = [each for environment in wanted for each in repair(s.environments, environment)]
    if not json:
        for each in done:
            print(f"{each.file}: {each.what}")
    left = [finding for each in wanted for finding in checks_of.check(s.environments, each, open_all=False).findings]
    if json:
        print_json({"done": [vars(each) for each in done], "findings": [vars(finding) for finding in left]})
    elif left:
        report(left, sys.stderr)
    if left:
        leave(2, "" if json else f"error: {counted(left)} left, which only you can mend")


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
        origin, decider = _origin(configuration, name), configuration.decided_by(name)
        by_others = f"decided by {decider}" + (f", not by {origin}" if origin else "")
        rows.append((name, _shown(configuration, name), by_others if decider else origin or "default"))
    table(("variable", "value", "from"), rows)


def _leaks(s: Session, wanted: Sequence[Environment], closed: Collection[str], history: bool) -> list[Finding]:
    """What git gives away of secrets; in development they may stand in a tracked file."""
    guarded = [each for each in wanted if not each.development]
    values = {value for each in guarded for value in _secrets(s, each, closed)}
    search = leaks.Search(s.environments.schema, values, [each.name for each in guarded])
    return [*leaks.in_files(s.runner, search), *(leaks.in_history(s.runner, search) if history else ())]


def _secrets(s: Session, environment: Environment, closed: Collection[str]) -> Iterator[str]:
    """The secret values of an environment, but for those that were not opened, and those that a check has told of."""
    configuration, tracked = s.environments.configuration(environment), s.environments.tracked_file(environment.name)
    for name in configuration.given:
        source = configuration.given.source(name)
        if configuration.is_secret(name) and (source is None or source.origin not in closed):
            value = configuration.given[name]
            if value.origin != tracked.name:
                yield value.text


def _origin(configuration: Configuration, name: str) -> str:
    """Where a value comes from, with its line; empty where nobody gives one. A source of secrets stays closed."""
    source = configuration.given.source(name)
    if source:
        return source.origin
    value = configuration.given.get(name)
    if not value or not value.text:
        return ""
    return f"{value.origin}:{value.line}" if value.origin != COMMAND_LINE else value.origin


def counted(findings: Sequence[Finding]) -> str:
    """How many faults there are, in words."""
    return "1 fault" if len(findings) == 1 else f"{len(findings)} faults"


def report(findings: Sequence[Finding], file: TextIO) -> None:
    """Print all findings as one table."""
    table(("where", "variable", "what is wrong"), [(f.where, f.name or "-", f.message) for f in findings], file)


def _shown(configuration: Configuration, name: str) -> str:
    """A value fit for a cell; a dash where there is none, or none that counts."""
    return "-" if configuration.decided_by(name) else configuration.masked(name) or "-"
