"""`.env.example` as a schema: the part of the @env-spec comment convention that this service needs.

The convention is documented by dmno-dev/varlock (@env-spec/parser). Supported: the root decorators @defaultRequired
and @defaultSensitive, and the item decorators that ITEM_DECORATORS names, with the types and options of `types`.
Anything else is refused by name, so that nobody relies on a rule that is not held.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageFault, nearest
from ..core.network import masked_url
from .dotenv import Entry, EnvFile, read_env_file
from .types import OPTIONS, TYPES

ITEM_DECORATORS = ("required", "optional", "sensitive", "public", "type", "deprecated", "example", "docs")
ROOT_DECORATORS = ("defaultRequired", "defaultSensitive")
DECORATOR = re.compile(
    r'@(?P<name>\w+)(?:=(?P<value>"[^"]*"|[^\s"()]+(?:\((?:"[^"]*"|[^")])*\))?)|\((?P<call>(?:"[^"]*"|[^")])*)\))?(?=\s|$)'
)
ARGUMENT = re.compile(r'\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>"[^"]*"|\[[^\]]*\]|[^,\s]+)\s*(?:,|$)')
FOR_ENVIRONMENTS = re.compile(r"forEnv\((?P<names>[a-z0-9, -]+)\)")
"""What makes a variable required, or optional, in some environments only."""
STACK_VARIABLE = re.compile(r"EDGE_[A-Z0-9_]+|[A-Z][A-Z0-9_]*_IMAGE")


@dataclass(frozen=True)
class Variable:
    """One variable of the schema; `options` are the arguments of its type.

    It is `required` in all environments but the `exceptions`, or in these alone. `deprecated` says what to use instead.
    """

    name: str
    default: str
    line: int
    required: bool = False
    exceptions: tuple[str, ...] = ()
    deprecated: str = ""
    sensitive: bool = False
    type: str = "string"
    options: tuple[tuple[str, str], ...] = ()

    @property
    def of_stack(self) -> bool:
        """Whether docker-compose.yml and the tasks read it, and the service does not."""
        return STACK_VARIABLE.fullmatch(self.name) is not None

    def required_in(self, environment: str) -> bool:
        """Whether an environment has to have a value."""
        return self.required != (environment in self.exceptions)

    def is_secret(self, value: str) -> bool:
        """Whether a value must not stand in a file that is in git: by the schema, or for the password in a URL."""
        return self.sensitive or masked_url(value) != value

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
    if "sensitive" in decorators and "public" in decorators:
        raise _fault(file, entry.line, "@sensitive and @public exclude each other")
    kind, options = _type(file, entry.line, decorators.get("type", "string"))
    required, exceptions = _required(file, entry.line, decorators, defaults["defaultRequired"])
    public = _switch(file, entry.line, decorators, "public", not defaults["defaultSensitive"])
    return Variable(
        name=entry.name,
        default=entry.value,
        line=entry.line,
        required=required,
        exceptions=exceptions,
        deprecated=_deprecation(decorators),
        sensitive=_switch(file, entry.line, decorators, "sensitive", not public),
        type=kind,
        options=options,
    )


def _required(file: EnvFile, line: int, decorators: Mapping[str, str], default: bool) -> tuple[bool, tuple[str, ...]]:
    """Whether a variable is required, and in which environments that is otherwise."""
    name, wanted = ("optional", False) if "optional" in decorators else ("required", True)
    some = FOR_ENVIRONMENTS.fullmatch(decorators.get(name, ""))
    if some:
        return not wanted, tuple(each.strip() for each in some["names"].split(",") if each.strip())
    return _switch(file, line, decorators, name, default == wanted) == wanted, ()


def _deprecation(decorators: Mapping[str, str]) -> str:
    text = decorators.get("deprecated", "false").strip('"')
    return {"true": "use something else", "false": ""}.get(text, text)


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
            found[name] = match["value"] or match["call"] or "true"
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
