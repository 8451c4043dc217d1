"""An environment's configuration: the cascade of its files, and what is wrong with it.

`.env.<env>` < `.env.<env>.local` < `--set NAME=VALUE`. The shell's own variables do not take part.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageFault, nearest
from .dotenv import EnvFile, read_env_file
from .schema import Schema, Variable, read_schema
from .settings import Environment

PLACEHOLDER = re.compile(r"(?i)^(<.*>|x{3,}|change[-_ ]?(me|it)|todo|tbd|fixme|replace[-_ ]?me|your[-_].*|\.\.\.)$")
GENERATED = "DATABASE_PASSWORD"
"""The one secret that no person needs to choose: that of a database which belongs to the environment's own stack."""
COMMAND_LINE = "--set"
MASK = "********"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with the file and line it was found at; `line` 0 stands for the whole file."""

    file: str
    line: int
    name: str
    message: str

    @property
    def where(self) -> str:
        """`file:line`, or the file alone."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Value:
    """A value with its origin: the file's name or `--set`."""

    text: str
    origin: str
    line: int = 0


@dataclass(frozen=True)
class Configuration:
    """The resolved values of one environment."""

    environment: Environment
    schema: Schema
    given: Mapping[str, Value]

    def __getitem__(self, name: str) -> str:
        """The value of `name`: given, or the schema's default."""
        if name in self.given:
            return self.given[name].text
        return self.schema.variables[name].default

    def service_values(self) -> dict[str, str]:
        """What the service gets as plain variables: everything given that is neither secret nor the stack's."""
        return {
            name: value.text
            for name, value in self.given.items()
            if not self.schema.variables[name].of_stack and not self.schema.variables[name].sensitive
        }

    def secret_values(self) -> dict[str, str]:
        """What the service gets as files."""
        return {
            name: value.text
            for name, value in self.given.items()
            if self.schema.variables[name].sensitive and value.text
        }

    def stack_values(self) -> dict[str, str]:
        """What the compose files interpolate: the variables EDGE_… and …_IMAGE, with the schema's defaults."""
        return {name: self[name] for name, variable in self.schema.variables.items() if variable.of_stack}

    def masked(self, name: str) -> str:
        """The value fit for a screen."""
        return MASK if self.schema.variables[name].sensitive and self[name] else self[name]

    def fingerprint(self) -> str:
        """A hash of all values: equal for equal configurations. It is kept in release records only."""
        values = {name: value.text for name, value in sorted(self.given.items())}
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


class Environments:
    """The environment files of one service."""

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        self.root = root
        self.names = tuple(names)
        self.schema = read_schema(root / ".env.example")

    def tracked_file(self, name: str) -> Path:
        """`.env.<env>`, which is in git."""
        return self.root / f".env.{name}"

    def local_file(self, name: str) -> Path:
        """`.env.<env>.local`, which is not."""
        return self.root / f".env.{name}.local"

    def files(self, name: str) -> list[EnvFile]:
        """The files of an environment, weakest first; UsageFault where the tracked one is missing."""
        tracked, local = self.tracked_file(name), self.local_file(name)
        if not tracked.exists():
            raise UsageFault(
                f"{tracked.name} is missing", where=str(self.root), remedy=f"write it after {self.schema.path.name}"
            )
        return [read_env_file(path) for path in (tracked, local) if path.exists()]

    def configuration(self, environment: Environment, sets: Iterable[str] = ()) -> Configuration:
        """The resolved values; NAME_FILE gives a file's content. Unknown names are left to `check`."""
        given: dict[str, Value] = {}
        for file in self.files(environment.name):
            for entry in file.entries:
                name, text = entry.name, entry.value
                if name not in self.schema.variables and self._names_file(name):
                    name, text = name.removesuffix("_FILE"), _first_value(self.root / (text or ""))
                if name in self.schema.variables and text is not None:
                    given[name] = Value(text, file.path.name, entry.line)
        for assignment in sets:
            name, value = self._assignment(assignment)
            given[name] = Value(value, COMMAND_LINE)
        return Configuration(environment, self.schema, given)

    def generate_password(self, name: str) -> Path:
        """Append a random database password to the local file (mode 0600) and return its path."""
        path = self.local_file(name)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        note = "# Made by the first deploy: the password of this environment's own database.\n"
        draft = path.with_name(f"{path.name}.{os.getpid()}.local")
        draft.touch(mode=0o600)
        draft.write_text(f"{before}{note}{GENERATED}={secrets.token_urlsafe(24)}\n", encoding="utf-8")
        draft.replace(path)
        return path

    def check(self, environment: Environment, sets: Iterable[str] = ()) -> list[Finding]:
        """Everything that is wrong with one environment, in the order of the files."""
        findings: list[Finding] = []
        for file in self.files(environment.name):
            findings += _check_lines(file) + self._check_names(file)
        configuration = self.configuration(environment, sets)
        findings += self._check_values(configuration) + self._check_name(configuration)
        return findings + self._check_secrets(environment) + self._check_same_keys(environment.name)

    def _names_file(self, name: str) -> bool:
        return name.endswith("_FILE") and name.removesuffix("_FILE") in self.schema.variables

    def _assignment(self, text: str) -> tuple[str, str]:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageFault(f'--set "{name}" is not NAME=VALUE', remedy="as in --set LOG_LEVEL=debug")
        if name not in self.schema.variables:
            raise UsageFault(
                f"--set {name}: no such variable",
                where=self.schema.path.name,
                remedy=nearest(name, self.schema.variables),
            )
        return name, value

    def _check_names(self, file: EnvFile) -> list[Finding]:
        findings = []
        for entry in file.entries:
            if entry.name in self.schema.variables:
                continue
            if self._names_file(entry.name):
                if _first_value(self.root / (entry.value or "")) is None:
                    message = f'names "{entry.value}", which is not a readable file'
                    findings.append(Finding(file.path.name, entry.line, entry.name, message))
                continue
            hint = nearest(entry.name, self.schema.variables)
            hint = hint if hint.startswith("did you mean") else "describe it there first"
            message = f"is not in {self.schema.path.name}; {hint}"
            findings.append(Finding(file.path.name, entry.line, entry.name, message))
        return findings

    def _check_values(self, configuration: Configuration) -> list[Finding]:
        findings = []
        for name, variable in self.schema.variables.items():
            value = configuration.given.get(name)
            message = self._value_fault(configuration, variable, value)
            if message:
                origin = value.origin if value else self.tracked_file(configuration.environment.name).name
                findings.append(Finding(origin, value.line if value else 0, name, message))
        return findings

    def _check_name(self, configuration: Configuration) -> list[Finding]:
        value, name = configuration.given.get("APP_ENV"), configuration.environment.name
        if value is None or value.text in ("", name):
            return []
        message = f'is "{value.text}", and the binary of {name} starts in {name} only'
        return [Finding(value.origin, value.line, "APP_ENV", message)]

    def _value_fault(self, configuration: Configuration, variable: Variable, value: Value | None) -> str:
        environment = configuration.environment
        if value is None or not value.text:
            if not variable.required or (variable.default and value is None and not variable.sensitive):
                return ""
            if variable.name == GENERATED and value is None:
                return ""
            place = self.local_file(environment.name).name if variable.sensitive else "this file"
            return f"is required and {'empty' if value else 'missing'}; set it in {place}"
        if PLACEHOLDER.match(value.text):
            shown = "a placeholder" if variable.sensitive else f'the placeholder "{value.text}"'
            return f"still holds {shown}; give it its real value"
        return variable.fault(value.text)

    def _check_secrets(self, environment: Environment) -> list[Finding]:
        if environment.development:
            return []
        file = read_env_file(self.tracked_file(environment.name))
        message = f"is a secret in a tracked file; move it to {self.local_file(environment.name).name} and change it"
        return [
            Finding(file.path.name, entry.line, entry.name, message)
            for entry in file.entries
            if entry.value and entry.name in self.schema.variables and self.schema.variables[entry.name].sensitive
        ]

    def _check_same_keys(self, name: str) -> list[Finding]:
        keys = {other: self._tracked_keys(other) for other in self.names if self.tracked_file(other).exists()}
        findings = []
        for other, theirs in keys.items():
            for key in sorted(theirs - keys[name]) if other != name else []:
                message = f"is set in .env.{other} and not here; set it in both or in neither"
                findings.append(Finding(self.tracked_file(name).name, 0, key, message))
        return list({finding.name: finding for finding in findings}.values())

    def _tracked_keys(self, name: str) -> set[str]:
        known = self.schema.variables
        names = {entry.name for entry in read_env_file(self.tracked_file(name)).entries if entry.name in known}
        return {key for key in names if not known[key].sensitive}


def _first_value(path: Path) -> str | None:
    """The content of a file that holds one value, without its last line end; None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return None


def _check_lines(file: EnvFile) -> list[Finding]:
    findings = [
        Finding(file.path.name, line, "", "the line is neither a comment nor NAME=value") for line in file.malformed
    ]
    seen: dict[str, int] = {}
    for entry in file.entries:
        if entry.value is None:
            findings.append(Finding(file.path.name, entry.line, entry.name, "has no equals sign and no value"))
        if entry.name in seen:
            message = f"is set twice, first in line {seen[entry.name]}; keep one"
            findings.append(Finding(file.path.name, entry.line, entry.name, message))
        seen.setdefault(entry.name, entry.line)
    return findings
