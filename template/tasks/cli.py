"""Between Invoke and the engine: the objects that tasks need, exit codes, and a friendlier command line."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from invoke.collection import Collection
from invoke.config import DataProxy
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.parser import ParseMachine
from invoke.program import Program
from invoke.tasks import task
from invoke.util import helpline

from .engine.configuration import Environments
from .engine.console import Console
from .engine.errors import Fault, UsageFault, nearest
from .engine.paths import ROOT
from .engine.runner import Runner
from .engine.settings import Environment, Settings, read_settings

ENV = {"env": "the environment, one of those in invoke.yaml (default: dev)"}
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
    settings = read_settings(_plain(c.config))
    progress = sys.stderr if json else sys.stdout
    environment = settings.environment(env) if env else next(iter(settings.environments.values()))
    runner = Runner(ROOT, dry=bool(c.config.run.dry), log=progress)
    return Session(settings, Environments(ROOT, settings.environments), environment, runner, Console(progress))


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
    def wrapper(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except Fault as fault:
            raise Exit(str(fault), code=fault.code) from None
        except KeyboardInterrupt:
            raise Exit("interrupted", code=130) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise Exit(code=0) from None

    return wrapper


def install(groups: Mapping[str, Sequence[str]]) -> None:
    """Teach Invoke's own program two things that it has no setting for.

    A mistyped task or option is answered with the nearest names and exit code 2, and the list of tasks is in groups.
    Both work for whoever types `invoke` too, as Invoke loads this package before it reads the rest of the line.
    """

    def error(machine: ParseMachine, message: str) -> NoReturn:
        raise Exit(str(_usage_fault(machine, message)), code=UsageFault.code)

    def list_flat(program: Program) -> None:
        _print_groups(program.collection, groups)

    ParseMachine.error = error  # type: ignore[method-assign, assignment]
    Program.list_flat = list_flat  # type: ignore[method-assign, assignment]


def _usage_fault(machine: ParseMachine, message: str) -> UsageFault:
    if not message.startswith("No idea what "):
        return UsageFault(message, remedy="invoke --help TASK shows its options")
    word = message.removeprefix("No idea what ").removesuffix(" is!").strip("'\"")
    if not word.startswith("-"):
        return UsageFault(f'there is no task "{word}"', remedy=nearest(word, machine.contexts))
    name = machine.context.name if machine.context else None
    flags = [flag for flag in (machine.context.flags if machine.context else ()) if flag.startswith("--")]
    where = f"task {name}" if name else "invoke"
    return UsageFault(f'there is no option "{word.partition("=")[0]}"', where=where, remedy=nearest(word, flags))


def _print_groups(collection: Collection, groups: Mapping[str, Sequence[str]]) -> None:
    tasks = {name: helpline(collection[name]) or "" for name in collection.task_names}
    grouped = {name for names in groups.values() for name in names}
    others = [name for name in sorted(tasks) if name not in grouped]
    width = max(len(name) for name in tasks)
    for title, names in [*groups.items(), ("Others", others)]:
        if names:
            print(title)
        for name in names:
            print(f"  {name:<{width}}  {tasks[name]}")
        if names:
            print()
    print("invoke --help TASK shows a task's options; every task works from any sub-directory.")
