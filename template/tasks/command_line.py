"""What Invoke's command line has no settings for, taught to Invoke itself.

Whoever types plain `invoke` shall have it too: Invoke loads this package before it reads the rest of the line.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from invoke.collection import Collection
from invoke.config import Config
from invoke.exceptions import Exit
from invoke.parser.parser import ParseMachine
from invoke.program import Program
from invoke.util import helpline, yaml  # type: ignore[attr-defined]

from .engine.core.errors import UsageFault, nearest

Groups = Mapping[str, Sequence[str]]


def install(groups: Groups) -> None:
    """Mistakes get the nearest names and exit code 2, and tasks are listed in groups, also for a bare `invoke`.

    Of the settings that Invoke reads, those of the service's own `invoke.yaml` count, and no variable of the shell.
    """
    for stream in (sys.stdout, sys.stderr):
        # A message is told in a shell that cannot show all of its characters, too.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def error(machine: ParseMachine, message: str) -> NoReturn:
        raise Exit(str(_usage_fault(machine, message)), code=UsageFault.code)

    def show_groups(program: Program) -> None:
        _print_groups(program.collection, groups)

    def no_tasks_given(program: Program) -> NoReturn:
        show_groups(program)
        raise Exit

    patched: Any = Program
    patched.list_flat = show_groups
    patched.no_tasks_given = no_tasks_given
    patched.parse_cleanup = _quiet_for_readers_that_leave(Program.parse_cleanup)
    machine: Any = ParseMachine
    machine.error = error
    config: Any = Config
    config.load_project = _told_when_unreadable(_of_this_service_alone(Config.load_project))
    config.load_shell_env = lambda _: None


def leave_quietly() -> NoReturn:
    """End without a word because nobody reads on, as after `| head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise Exit(code=0)


def _usage_fault(machine: ParseMachine, message: str) -> UsageFault:
    context = machine.context
    where = f"task {context.name}" if context and context.name else "invoke"
    if flag := re.match(r"Flag <Argument: (\w+)", message):
        return UsageFault(f"--{flag[1].rstrip('_').replace('_', '-')} needs a value", where=where, remedy=_HELP)
    if not message.startswith("No idea what "):
        return UsageFault(message, remedy=_HELP)
    word = message.removeprefix("No idea what ").removesuffix(" is!").strip("'\"")
    if not word.startswith("-"):
        return UsageFault(f'there is no task "{word}"', remedy=nearest(word, machine.contexts))
    flags = [flag for flag in (context.flags if context else ()) if flag.startswith("--")]
    return UsageFault(f'there is no option "{word.partition("=")[0]}"', where=where, remedy=nearest(word, flags))


_HELP = "invoke --help TASK shows its options"


def _quiet_for_readers_that_leave(original: Callable[[Program], None]) -> Callable[[Program], None]:
    def parse_cleanup(program: Program) -> None:
        try:
            try:
                original(program)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            leave_quietly()

    return parse_cleanup


def _of_this_service_alone(original: Callable[..., None]) -> Callable[..., None]:
    """Leave out what Invoke has read from files of the user and of the machine: a service is the same for everybody."""

    def load_project(config: Config, merge: bool = True) -> None:
        config._set(_system={}, _user={})
        original(config, merge)

    return load_project


def _told_when_unreadable(original: Callable[..., None]) -> Callable[..., None]:
    def load_project(config: Config, merge: bool = True) -> None:
        try:
            original(config, merge)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"invoke.yaml:{mark.line + 1}" if mark else "invoke.yaml"
            what = f"invoke.yaml is not YAML: {getattr(error, 'problem', error)}"
            raise Exit(str(UsageFault(what, where=where, remedy="mend that line")), code=UsageFault.code) from None

    return load_project


def _print_groups(collection: Collection, groups: Groups) -> None:
    tasks = {name: helpline(collection[name]) or "" for name in collection.task_names}
    grouped = {name for names in groups.values() for name in names}
    others = [name for name in sorted(tasks) if name not in grouped]
    width = max(len(name) for name in tasks)
    # What an option brings is in a group, whether the option is on or not.
    there = {title: [name for name in names if name in tasks] for title, names in groups.items()}
    for title, names in [*there.items(), ("Others", others)]:
        if names:
            print(title)
        for name in names:
            print(f"  {name:<{width}}  {tasks[name]}")
        if names:
            print()
    print("invoke --help TASK shows a task's options; every task works from any sub-directory.")
