"""Values of `invoke.yaml`, each checked: UsageFault that names the key, the value and what is expected."""

from __future__ import annotations

import re
from typing import Any

from ..core.errors import UsageFault
from ..core.network import masked_url


def count(key: str, value: Any) -> int:
    """A whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise fault(key, value, "a whole number from 1 on")
    return value


def flag(key: str, value: Any) -> bool:
    """A truth value."""
    if not isinstance(value, bool):
        raise fault(key, value, "true or false")
    return value


def matching(key: str, value: Any, pattern: str, expected: str) -> str:
    """A text that a pattern fits as a whole; `expected` says what that is."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise fault(key, value, expected)
    return value


def one_of(key: str, value: Any, known: tuple[str, ...]) -> str:
    """One of some words."""
    if value not in known:
        raise fault(key, value, "one of " + ", ".join(known))
    return str(value)


def seconds(key: str, value: Any) -> float:
    """A number of seconds, up to a day."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise fault(key, value, "a number of seconds") from None
    if isinstance(value, bool):
        raise fault(key, value, "a number of seconds")
    if not 0 < number <= 86_400:
        raise fault(key, value, "between 0 and 86400 seconds")
    return number


def fault(key: str, value: Any, expected: str) -> UsageFault:
    """What is said of a value that is not what is expected: it names the key and the value."""
    where = "the command line" if key.startswith("--") else "invoke.yaml"
    return UsageFault(f"{key}: {masked_url(repr(value))} is not {expected}", where=where)
