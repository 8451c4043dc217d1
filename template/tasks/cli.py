"""Between Invoke and the engine: the objects that tasks need, and exit codes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from invoke.config import DataProxy
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from .command_line import leave_quietly
from .engine.config.configuration import Environments
from .engine.config.settings import Environment, Settings, read_settings
from .engine.core.console import Console
from .engine.core.errors import Fault
from .engine.core.interruption import interruptible
from .engine.core.paths import ROOT
from .engine.core.redaction import redact_output
from .engine.core.runner import Runner

ENV = {"env": "the environment, one of those in invoke.yaml (default: dev)"}
HOST = {"host": "one of the environment's hosts (default: all of them, or the first where only one makes sense)"}
JSON = {"json": "print one JSON document on standard output, progress on standard error"}


@dataclass(frozen=True)
class Session:
    """What a task works with."""

    settings: Settings
    environments: Environments
    environment: Environment
    runner: Runner
    console: Console


def session(c: Context, env: str = "", json: bool = False) -> Session:
    """Read the settings and the schema for a task; UsageFault where they are wrong."""
    settings, runner, console = basics(c, json)
    environment = settings.environment(env) if env else next(iter(settings.environments.values()))
    return Session(settings, Environments(ROOT, settings.environments), environment, runner, console)


def basics(c: Context, json: bool = False) -> tuple[Settings, Runner, Console]:
    """What a task needs that works without the environments' files, which may be in dispute."""
    progress = sys.stderr if json else sys.stdout
    runner = Runner(ROOT, dry=bool(c.config.run.dry), log=progress)
    return read_settings(_plain(c.config)), runner, Console(progress)


def service_task(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Invoke's `@task` for functions that raise Fault: it becomes a message and the exit code of the contract."""

    def decorate(function: Callable[..., None]) -> Any:
        return task(**options)(_told(function))

    return decorate


def remainder() -> list[str]:
    """The words after `--`, as they were typed: Invoke joins them and so loses where each one ended."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


def leave(status: int, message: str = "") -> NoReturn:
    """End the command with an exit status."""
    raise Exit(message or None, code=status)


def _plain(value: Any) -> Any:
    """Invoke's configuration as ordinary dicts: its own objects are not mappings to Python."""
    if not isinstance(value, DataProxy):
        return value
    return {name: _plain(value[name]) for name in map(str, value)}


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> None:
        redact_output()
        try:
            with interruptible():
                function(*arguments, **options)
            sys.stdout.flush()
        except Fault as fault:
            raise Exit(str(fault), code=fault.code) from None
        except KeyboardInterrupt:
            raise Exit("interrupted", code=130) from None
        except BrokenPipeError:
            leave_quietly()

    return wrapper
