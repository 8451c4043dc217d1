"""`.env.example` as a schema: the part of the @env-spec comment convention that this service needs.

The convention is documented by dmno-dev/varlock (@env-spec/parser). Supported: the root decorators
@defaultRequired and @defaultSensitive, the item decorators @required, @optional, @sensitive and @type. Anything else
is refused by name, so that nobody relies on a rule that is not held.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import UsageFault, nearest
from .dotenv import EnvFile, read_env_file

ITEM_DECORATORS = ("required", "optional", "sensitive", "type")
ROOT_DECORATORS = ("defaultRequired", "defaultSensitive")
DECORATOR = re.compile(r'@(?P<name>\w+)(?:=(?P<value>\w+(?:\((?P<arguments>(?:"[^"]*"|[^")])*)\))?))?(?=\s|$)')
ARGUMENT = re.compile(r'\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>"[^"]*"|[^,\s]+)\s*(?:,|$)')
STACK_VARIABLE = re.compile(r"EDGE_[A-Z0-9_]+|[A-Z][A-Z0-9_]*_IMAGE")


@dataclass(frozen=True)
class Variable:
    """One variable of the schema; `options` are the arguments of its type."""

    name: str
    default: str
    line: int
    required: bool = False
    sensitive: bool = False
    type: str = "string"
    options: tuple[tuple[str, str], ...] = ()

    @property
    def of_stack(self) -> bool:
        """Whether docker-compose.yml and the tasks read it, and the service does not."""
        return STACK_VARIABLE.fullmatch(self.name) is not None

    def fault(self, value: str) -> str:
        """What is wrong with `value` and what is expected, or an empty string. Never repeats a sensitive value."""
        expected = TYPES[self.type](value, dict(self.options))
        if not expected:
            return ""
        shown = "the value" if self.sensitive else f'"{value}"'
        return f"{shown} is not {expected}"


@dataclass(frozen=True)
class Schema:
    """All variables by name, in the order of the file."""

    path: Path
    variables: Mapping[str, Variable]


def read_schema(path: Path) -> Schema:
    """Read the schema; UsageFault names the line of whatever it cannot hold values against."""
    file = read_env_file(path)
    defaults = _root_defaults(file)
    variables: dict[str, Variable] = {}
    for entry in file.entries:
        if entry.name in variables:
            raise _fault(file, entry.line, f"{entry.name} is described twice")
        decorators = _decorators(file, entry.line, entry.comments, ITEM_DECORATORS)
        kind, options = _type(file, entry.line, decorators.get("type", "string"))
        optional = decorators.get("optional") == "true"
        variables[entry.name] = Variable(
            name=entry.name,
            default=entry.value or "",
            line=entry.line,
            required=_switch(decorators, "required", defaults["defaultRequired"] and not optional),
            sensitive=_switch(decorators, "sensitive", defaults["defaultSensitive"]),
            type=kind,
            options=options,
        )
        _check_default(file, variables[entry.name])
    if file.malformed:
        raise _fault(file, file.malformed[0], "the line is neither a comment nor NAME=value")
    return Schema(path, variables)


def _root_defaults(file: EnvFile) -> dict[str, bool]:
    decorators = _decorators(file, 1, file.header, ROOT_DECORATORS)
    return {name: decorators.get(name, "false") == "true" for name in ROOT_DECORATORS}


def _switch(decorators: Mapping[str, str], name: str, default: bool) -> bool:
    return decorators[name] == "true" if name in decorators else default


def _decorators(file: EnvFile, line: int, comments: tuple[str, ...], known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for comment in comments:
        if not comment.startswith("@"):
            continue
        rest = DECORATOR.sub("", comment).strip()
        if rest:
            raise _fault(file, line, f'"{rest}" cannot be read as a decorator')
        for match in DECORATOR.finditer(comment):
            name = match["name"]
            if name not in known:
                raise _fault(file, line, f"@{name} is not supported here", nearest(name, known))
            found[name] = match["value"] or "true"
    return found


def _type(file: EnvFile, line: int, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    kind, _, arguments = text.partition("(")
    if kind not in TYPES:
        raise _fault(file, line, f"@type={kind} is not supported here", nearest(kind, TYPES))
    options = []
    for position, match in enumerate(ARGUMENT.finditer(arguments.removesuffix(")"))):
        options.append((match["name"] or str(position), match["value"].strip('"')))
    return kind, tuple(options)


def _check_default(file: EnvFile, variable: Variable) -> None:
    if variable.default and (fault := variable.fault(variable.default)):
        raise _fault(file, variable.line, f"the default of {variable.name}: {fault}")


def _fault(file: EnvFile, line: int, what: str, remedy: str = "mend the schema") -> UsageFault:
    return UsageFault(what, where=f"{file.path.name}:{line}", remedy=remedy)


def _string(value: str, options: dict[str, str]) -> str:
    if "matches" in options and not re.search(options["matches"], value):
        return f"a text that matches {options['matches']}"
    if len(value) < int(options.get("minLength", "0")):
        return f"at least {options['minLength']} characters long"
    if len(value) > int(options.get("maxLength", str(len(value)))):
        return f"at most {options['maxLength']} characters long"
    return ""


def _number(value: str, options: dict[str, str]) -> str:
    whole = options.get("isInt") == "true"
    try:
        number = float(int(value) if whole else value)
    except ValueError:
        return "a whole number" if whole else "a number"
    if not math.isfinite(number):
        return "a number"
    if number < float(options.get("min", "-inf")) or number > float(options.get("max", "inf")):
        return f"a number from {options.get('min', 'any')} to {options.get('max', 'any')}"
    return ""


def _boolean(value: str, _: dict[str, str]) -> str:
    return "" if value in ("true", "false") else "true or false"


def _port(value: str, _: dict[str, str]) -> str:
    return "" if value.isascii() and value.isdigit() and 0 < int(value) < 65536 else "a port from 1 to 65535"


def _url(value: str, _: dict[str, str]) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    complete = parts.scheme and (parts.netloc or parts.path) and not re.search(r"\s", value)
    return "" if complete else "a URL such as scheme://host/path"


def _enum(value: str, options: dict[str, str]) -> str:
    return "" if value in options.values() else "one of " + ", ".join(options.values())


TYPES: dict[str, Callable[[str, dict[str, str]], str]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "port": _port,
    "url": _url,
    "enum": _enum,
}
"""Each checks a value against the type's options and answers with what it should have been, or an empty string."""
