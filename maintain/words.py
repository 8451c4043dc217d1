"""Tasks that take any number of words, which Invoke's command line does not know: `./inv fleet.status orders billing`.

Invoke fills each positional argument with one word and reads the next one as a task. Here all words after such a task
that are neither options nor values of options go into one of its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke.parser.parser import ParseMachine


def take_words(tasks: Mapping[str, str]) -> None:
    """Let tasks take words: `tasks` says by a task's full name which of its iterable arguments gets them."""
    original = ParseMachine.handle

    def handle(machine: ParseMachine, token: str) -> None:
        context = machine.context
        argument = tasks.get(context.name or "") if context else None
        if argument and not token.startswith("-") and not machine.waiting_for_flag_value:
            context.args[argument].set_value(token)
        else:
            original(machine, token)

    patched: Any = ParseMachine
    patched.handle = handle
