"""`.env.example` as a schema: the part of the @env-spec comment convention that this service needs.

The convention is documented by dmno-dev/varlock (@env-spec/parser). Supported: the root decorators
@defaultRequired and @defaultSensitive, the item decorators @required, @optional, @sensitive and @type with the options
that OPTIONS names. Anything else is refused by name, so that nobody relies on a rule that is not held.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import UsageFault, nearest
from .dotenv import Entry, EnvFile, read_env_file

ITEM_DECORATORS = ("required", "optional", "sensitive", "type")
ROOT_DECORATORS = ("defaultRequired", "defaultSensitive")
DECORATOR = re.compile(r'@(?P<name>\w+)(?:=(?P<value>\w+(?:\((?P<arguments>(?:"[^"]*"|[^")])*)\))?))?(?=\s|$)')
ARGUMENT = re.compile(r'\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>"[^"]*"|[^,\s]+)\s*(?:,|$)')
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
"""Numbers that Go's strconv reads, too: plain digits, no spaces, no underscores."""
INT = ("-2147483648", "2147483647")
"""What Config's fields of type int take from a variable; a larger `max` is for a field of type int64."""
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
        shown = "the value" if self.sensitive or (self.type == "url" and "@" in value) else f'"{value}"'
        return f"{shown} is not {expected}"


@dataclass(frozen=True)
class Schema:
    """All variables by name, in the order of the file."""

    path: Path
    variables: Mapping[str, Variable]


def read_schema(path: Path) -> Schema:
    """Read the schema; UsageFault names the line of whatever it cannot hold values against."""
    file = read_env_file(path)
    if file.malformed:
        raise _fault(file, file.malformed[0], "the line is neither a comment nor NAME=value")
    _refuse_stray_decorators(file)
    defaults = _root_defaults(file)
    variables: dict[str, Variable] = {}
    for entry in file.entries:
        if entry.name in variables:
            raise _fault(file, entry.line, f"{entry.name} is described twice")
        variables[entry.name] = _variable(file, entry, defaults)
        _check_default(file, variables[entry.name])
    return Schema(path, variables)


def _variable(file: EnvFile, entry: Entry, defaults: Mapping[str, bool]) -> Variable:
    decorators = _decorators(file, entry.line, entry.comments, ITEM_DECORATORS)
    if "required" in decorators and "optional" in decorators:
        raise _fault(file, entry.line, "@required and @optional exclude each other")
    kind, options = _type(file, entry.line, decorators.get("type", "string"))
    required = _switch(file, entry.line, decorators, "required", defaults["defaultRequired"])
    return Variable(
        name=entry.name,
        default=entry.value,
        line=entry.line,
        required=not _switch(file, entry.line, decorators, "optional", not required),
        sensitive=_switch(file, entry.line, decorators, "sensitive", defaults["defaultSensitive"]),
        type=kind,
        options=options,
    )


def _root_defaults(file: EnvFile) -> dict[str, bool]:
    line = file.header[0].line if file.header else 1
    decorators = _decorators(file, line, [comment.text for comment in file.header], ROOT_DECORATORS)
    return {name: _switch(file, line, decorators, name, False) for name in ROOT_DECORATORS}


def _refuse_stray_decorators(file: EnvFile) -> None:
    """A decorator that belongs to no variable, or stands where it is not read, would be a rule that nobody holds."""
    for comment in file.loose:
        if comment.text.startswith("@"):
            raise _fault(file, comment.line, f'"{comment.text}" stands above no variable', "leave no line between them")
    for entry in file.entries:
        if entry.remark.startswith("@"):
            raise _fault(file, entry.line, f'"{entry.remark}" is not read here', f"put it above {entry.name}")


def _switch(file: EnvFile, line: int, decorators: Mapping[str, str], name: str, default: bool) -> bool:
    value = decorators.get(name, "true" if default else "false")
    if value not in ("true", "false"):
        raise _fault(file, line, f"@{name}={value} is not supported here", "known: true, false")
    return value == "true"


def _decorators(file: EnvFile, line: int, comments: Iterable[str], known: tuple[str, ...]) -> dict[str, str]:
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
            if name in found:
                raise _fault(file, line, f"@{name} is given twice")
            found[name] = match["value"] or "true"
    return found


def _type(file: EnvFile, line: int, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    kind, _, arguments = text.partition("(")
    if kind not in TYPES:
        raise _fault(file, line, f"@type={kind} is not supported here", nearest(kind, TYPES))
    arguments = arguments.removesuffix(")")
    rest = ARGUMENT.sub("", arguments).strip()
    if rest:
        raise _fault(file, line, f'"{rest}" cannot be read as an option of @type={kind}')
    options: dict[str, str] = {}
    for position, match in enumerate(ARGUMENT.finditer(arguments)):
        name, value = match["name"] or str(position), match["value"].strip('"')
        fault = f"the option {name} is given twice" if name in options else _option_fault(kind, match["name"], value)
        if fault:
            raise _fault(file, line, f"@type={kind}: {fault}", _known_options(kind))
        options[name] = value
    if kind == "enum" and not options:
        raise _fault(file, line, "@type=enum has no words", "as in @type=enum(debug, info)")
    return kind, tuple(options.items())


def _option_fault(kind: str, name: str | None, value: str) -> str:
    """What is wrong with one option of a type, or an empty string; `name` is None where it has none."""
    if kind == "enum":
        return f"{name}={value} is not supported here" if name else ""
    check = OPTIONS.get(kind, {}).get(name or "")
    if name is None or check is None:
        return f"{name or value} is not supported here"
    return "" if check(value) else f"{name}={value} cannot be held"


def _known_options(kind: str) -> str:
    return "known: " + (", ".join(sorted(OPTIONS.get(kind, {}))) or "no options")


def _check_default(file: EnvFile, variable: Variable) -> None:
    if variable.default and (fault := variable.fault(variable.default)):
        raise _fault(file, variable.line, f"the default of {variable.name}: {fault}")


def _fault(file: EnvFile, line: int, what: str, remedy: str = "mend the schema") -> UsageFault:
    return UsageFault(what, where=f"{file.path.name}:{line}", remedy=remedy)


def _string(value: str, options: dict[str, str]) -> str:
    if "matches" in options and not re.search(_at_the_very_end(options["matches"]), value):
        return f"a text that matches {options['matches']}"
    if len(value) < int(options.get("minLength", "0")):
        return f"at least {options['minLength']} characters long"
    if len(value) > int(options.get("maxLength", str(len(value)))):
        return f"at most {options['maxLength']} characters long"
    return ""


def _number(value: str, options: dict[str, str]) -> str:
    whole = options.get("isInt") == "true"
    if not (WHOLE if whole else DECIMAL).fullmatch(value) or not math.isfinite(float(value)):
        return "a whole number" if whole else "a number"
    limits = INT if whole else ("-inf", "inf")
    least, most = (options.get(name, limit) for name, limit in zip(("min", "max"), limits, strict=True))
    if not Decimal(least) <= Decimal(value) <= Decimal(most):
        return f"a number from {least.replace('-inf', 'any')} to {most.replace('inf', 'any')}"
    return ""


def _boolean(value: str, _: dict[str, str]) -> str:
    return "" if value in ("true", "false") else "true or false"


def _port(value: str, _: dict[str, str]) -> str:
    return "" if re.fullmatch(r"[0-9]{1,5}", value) and 0 < int(value) < 65536 else "a port from 1 to 65535"


def _url(value: str, _: dict[str, str]) -> str:
    try:
        parts = urlsplit(value)
        complete = parts.scheme and (parts.netloc or parts.path) and parts.port != 0
    except ValueError:
        complete = False
    refused = re.search(r"[\s\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})", value)
    return "" if complete and not refused else "a URL such as scheme://host/path"


def _enum(value: str, options: dict[str, str]) -> str:
    return "" if value in options.values() else "one of " + ", ".join(options.values())


def _at_the_very_end(pattern: str) -> str:
    """`pattern` with a `$` that means the end, as in JavaScript: Python's lets a line end follow."""
    return re.sub(r"(\\.|\[(?:\\.|[^\]])*\])|\$", lambda match: match[1] or r"\Z", pattern, flags=re.DOTALL)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(_at_the_very_end(pattern))
    except re.error:
        return False
    return True


def _is_decimal(text: str) -> bool:
    return DECIMAL.fullmatch(text) is not None and math.isfinite(float(text))


def _is_count(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def _is_switch(text: str) -> bool:
    return text in ("true", "false")


TYPES: dict[str, Callable[[str, dict[str, str]], str]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "port": _port,
    "url": _url,
    "enum": _enum,
}
"""Each checks a value against the type's options and answers with what it should have been, or an empty string."""
OPTIONS: dict[str, dict[str, Callable[[str], bool]]] = {
    "string": {"minLength": _is_count, "maxLength": _is_count, "matches": _compiles},
    "number": {"min": _is_decimal, "max": _is_decimal, "isInt": _is_switch},
}
"""The options of the types, and whether a value of one can be held. A word of an enumeration is no option."""
