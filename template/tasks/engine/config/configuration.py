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
from ..core.network import MASK, masked_url
from .dotenv import Entry, EnvFile, read_env_file
from .findings import Finding, check_compose, check_lines, check_names, first_value, names_file
from .schema import Schema, Variable, read_schema
from .settings import Environment

PLACEHOLDER = re.compile(r"(?i)^(<.*>|x{3,}|change[-_ ]?(me|it)|todo|tbd|fixme|replace[-_ ]?me|your[-_].*|\.\.\.)$")
GENERATED = "DATABASE_PASSWORD"
"""A secret that no person needs to choose: that of a database which belongs to the environment's own stack."""
DEV_KEY, ISSUER_KEYS = "AUTH_DEV_KEY", "AUTH_JWKS_URL"
"""Another: what signs tokens where no issuer has published keys. The service refuses it outside dev and staging."""
WITHOUT_ISSUER = ("dev", "staging")
COMMAND_LINE = "--set"
DRAIN_LEAD = "DRAIN_LEAD"
ADDRESS = ("HTTP_PORT", "ADMIN_PORT", "LISTEN_HOST")
DECIDED_BY_TARGET = {"docker": ADDRESS, "process": (*ADDRESS, DRAIN_LEAD), "kubernetes": ADDRESS}
"""What a target sets itself, as it knows where a slot listens and how it is drained."""
LONGEST = 100_000
"""Bytes of a plain value: Linux takes no more than 128 KiB for one variable of a process."""


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
        """The value of `name`: given, or the schema's default; an empty one counts as not given, as in the service.

        A default of a secret does not count: it would be one that everybody knows.
        """
        variable = self.schema.variables[name]
        given = self.given[name].text if name in self.given else ""
        return given or ("" if variable.sensitive else variable.default)

    def values(self) -> dict[str, str]:
        """All values of the service, secrets among them."""
        known = self.schema.variables
        return {name: self[name] for name, each in known.items() if not each.of_stack and self[name]}

    def service_values(self) -> dict[str, str]:
        """What the service gets as plain variables where it is deployed: defaults too, so that the schema decides."""
        known = self.schema.variables
        return {
            name: text
            for name, text in self.values().items()
            if not known[name].sensitive and not self.decided_by(name)
        }

    def secret_values(self) -> dict[str, str]:
        """What the service gets as files: their content. Who reads one drops a line end, so another one goes before."""
        known = self.schema.variables
        texts = {name: text for name, text in self.values().items() if known[name].sensitive}
        return {name: f"{text}\r\n" if text.endswith(("\r", "\n")) else text for name, text in texts.items()}

    def lacks_dev_key(self) -> bool:
        """Whether staging has nobody who signs tokens. Dev has a key in git, and production an issuer."""
        known = DEV_KEY in self.schema.variables and self.environment.name == "staging"
        return known and not self[DEV_KEY] and not self[ISSUER_KEYS]

    def stack_values(self) -> dict[str, str]:
        """What the compose files interpolate: the variables EDGE_… and …_IMAGE, with the schema's defaults."""
        return {name: self[name] for name, variable in self.schema.variables.items() if variable.of_stack}

    def decided_by(self, name: str) -> str:
        """Who decides on a variable where the service is deployed, whatever the files say; empty where they decide."""
        target = self.environment.target
        if name in DECIDED_BY_TARGET.get(target, ()):
            return f"the {target} target"
        if target == "docker" and name == DRAIN_LEAD and not (name in self.given and self.given[name].text):
            return "docker-compose.yml"
        return ""

    def told(self) -> dict[str, str]:
        """All values that make a release, fit for a screen: those that were given and those that the service gets."""
        handed = self.service_values()
        names = [name for name in self.schema.variables if name in self.given or name in handed]
        return {name: self.masked(name) for name in names if not self.decided_by(name)}

    def masked(self, name: str) -> str:
        """The value fit for a screen."""
        text = self[name]
        return MASK if self.schema.variables[name].sensitive and text else masked_url(text)

    def fingerprint(self) -> str:
        """A hash of all values: equal for equal configurations. It is kept in release records only."""
        given = {name: value.text for name, value in self.given.items()}
        values = dict(sorted({**given, **self.service_values()}.items()))
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
                name = entry.name
                text: str | None = entry.value
                if name not in self.schema.variables and names_file(self.schema, name):
                    name, text = name.removesuffix("_FILE"), first_value(self.root / entry.value)
                if name in self.schema.variables and text is not None:
                    given[name] = Value(text, file.path.name, entry.line)
        for assignment in sets:
            name, value = self._assignment(assignment)
            given[name] = Value(value, COMMAND_LINE)
        return Configuration(environment, self.schema, given)

    def generate_secret(self, environment: str, name: str, purpose: str) -> Path:
        """Append a random value of a variable, and what it is for, to the local file (mode 0600); return its path."""
        path = self.local_file(environment)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        note = f"# Made by the first deploy: {purpose}.\n"
        draft = path.with_name(f"{path.name}.{os.getpid()}.local")
        draft.touch(mode=0o600)
        draft.write_text(f"{before}{note}{name}={secrets.token_urlsafe(24)}\n", encoding="utf-8")
        draft.replace(path)
        return path

    def check(self, environment: Environment, sets: Iterable[str] = ()) -> list[Finding]:
        """Everything that is wrong with one environment, in the order of the files."""
        findings: list[Finding] = []
        for file in self.files(environment.name):
            findings += check_lines(file, self.schema) + check_names(file, self.schema)
        configuration = self.configuration(environment, sets)
        findings += (
            self._check_values(configuration) + self._check_name(configuration) + self._check_issuer(configuration)
        )
        findings += check_compose(read_env_file(self.tracked_file(environment.name)))
        return findings + self._check_secrets(environment) + self._check_same_keys(environment.name)

    def _assignment(self, text: str) -> tuple[str, str]:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageFault(f'--set "{name}" is not NAME=VALUE', remedy="as in --set LOG_LEVEL=debug")
        if not _is_text(value):
            raise UsageFault(f"--set {name.encode(errors='replace').decode()}: the value is no UTF-8 text")
        if name not in self.schema.variables:
            raise UsageFault(
                f"--set {name}: no such variable",
                where=self.schema.path.name,
                remedy=nearest(name, self.schema.variables),
            )
        return name, value

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

    def _check_issuer(self, configuration: Configuration) -> list[Finding]:
        """The service says so at its start, too: but by then an image was built, and a database made."""
        name, asked = configuration.environment.name, DEV_KEY in self.schema.variables
        if not asked or name in WITHOUT_ISSUER or configuration[ISSUER_KEYS]:
            return []
        message = "is required, and AUTH_ISSUER with it: only dev and staging may do without an issuer of tokens"
        return [Finding(self.tracked_file(name).name, 0, ISSUER_KEYS, message)]

    def _value_fault(self, configuration: Configuration, variable: Variable, value: Value | None) -> str:
        environment = configuration.environment
        if value is None or not value.text:
            if not variable.required or (variable.default and value is None and not variable.sensitive):
                return ""
            if variable.name == GENERATED and value is None:
                return ""
            place = self.local_file(environment.name).name if variable.sensitive else "this file"
            return f"is required and {'empty' if value else 'missing'}; set it in {place}"
        if "\0" in value.text:
            return "holds a NUL character, which no variable can"
        if not variable.sensitive and len(value.text.encode()) > LONGEST:
            return f"is longer than {LONGEST} bytes, more than a variable can hold"
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
            if entry.value and entry.name in self.schema.variables and self._is_secret(entry)
        ]

    def _is_secret(self, entry: Entry) -> bool:
        return self.schema.variables[entry.name].sensitive or masked_url(entry.value) != entry.value

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


def _is_text(value: str) -> bool:
    """Whether it was UTF-8 on the command line: Python keeps what was not in characters that none may encode."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
