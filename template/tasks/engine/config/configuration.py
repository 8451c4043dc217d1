"""An environment's configuration: the cascade of its files.

`.env.<env>` < `.env.<env>.local` < secrets < `--set NAME=VALUE`. The shell's own variables do not take part. Secrets
are opened when one of their values is asked for, so that a look at what runs needs no key.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageFault, nearest
from ..core.network import MASK, masked_url
from ..core.paths import replace_file
from ..core.redaction import redactor
from .dotenv import EnvFile, read_env_file
from .findings import first_value, names_file
from .schema import Schema, read_schema
from .secret_file import SecretFile, secret_file
from .settings import Environment
from .sources import Source, make_sources

GENERATED = "DATABASE_PASSWORD"
"""A secret that no person needs to choose: that of a database which belongs to the environment's own stack."""
DEV_KEY, ISSUER_KEYS = "AUTH_DEV_KEY", "AUTH_JWKS_URL"
"""Another: what signs tokens where no issuer has published keys. The service refuses it outside dev and staging."""
COMMAND_LINE = "--set"
DRAIN_LEAD = "DRAIN_LEAD"
ADDRESS = ("HTTP_PORT", "ADMIN_PORT", "LISTEN_HOST")
DECIDED_BY_TARGET = {"docker": ADDRESS, "process": (*ADDRESS, DRAIN_LEAD), "kubernetes": ADDRESS}
"""What a target sets itself, as it knows where a slot listens and how it is drained."""


@dataclass(frozen=True)
class Value:
    """A value with its origin: the file's name or `--set`."""

    text: str
    origin: str
    line: int = 0


class Given(Mapping[str, Value]):
    """The values that were given, of which some are still in their source."""

    def __init__(self, known: Mapping[str, Value | Source]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> Value:
        known = self._known[name]
        return known if isinstance(known, Value) else Value(known.values[name], known.origin)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def source(self, name: str) -> Source | None:
        """The source of secrets that has a value; None where it stands in a file or on the command line."""
        known = self._known.get(name)
        return None if isinstance(known, Value) else known


@dataclass(frozen=True)
class Configuration:
    """The resolved values of one environment."""

    environment: Environment
    schema: Schema
    given: Given

    def __getitem__(self, name: str) -> str:
        """The value of `name`: given, or the schema's default; an empty one counts as not given, as in the service.

        A default of a secret does not count: it would be one that everybody knows.
        """
        variable = self.schema.variables[name]
        given = self.given[name].text if name in self.given else ""
        return given or ("" if variable.sensitive else variable.default)

    def has(self, name: str) -> bool:
        """Whether somebody gives a value, without a look into a source of secrets."""
        return self.given.source(name) is not None or bool(self[name])

    def is_secret(self, name: str) -> bool:
        """Whether the service gets a value as a file: by the schema, or as it comes from a source of secrets."""
        return self.schema.variables[name].sensitive or self.given.source(name) is not None

    def values(self) -> dict[str, str]:
        """All values of the service, secrets among them."""
        known = self.schema.variables
        return {name: self[name] for name, each in known.items() if not each.of_stack and self[name]}

    def service_values(self) -> dict[str, str]:
        """What the service gets as plain variables where it is deployed: defaults too, so that the schema decides."""
        return {
            name: text for name, text in self.values().items() if not self.is_secret(name) and not self.decided_by(name)
        }

    def secret_values(self) -> dict[str, str]:
        """What the service gets as files: their content. Who reads one drops a line end, so another one goes before."""
        texts = {name: text for name, text in self.values().items() if self.is_secret(name)}
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
        """The value fit for a screen; one of a source of secrets is not looked at."""
        if self.given.source(name):
            return MASK
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
        self._sources: dict[str, list[Source]] = {}

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
        given: dict[str, Value | Source] = {}
        for file in self.files(environment.name):
            for entry in file.entries:
                name = entry.name
                text: str | None = entry.value
                if name not in self.schema.variables and names_file(self.schema, name):
                    name, text = name.removesuffix("_FILE"), first_value(self.root / entry.value)
                if name in self.schema.variables and text is not None:
                    given[name] = Value(text, file.path.name, entry.line)
        for source in self.sources(environment):
            given |= {name: source for name in source.names if name in self.schema.variables}
        for assignment in sets:
            name, value = self._assignment(assignment)
            given[name] = Value(value, COMMAND_LINE)
        for name, known in given.items():
            if self.schema.variables[name].sensitive and isinstance(known, Value):
                redactor.add(known.text)
        return Configuration(environment, self.schema, Given(given))

    def sources(self, environment: Environment) -> list[Source]:
        """Where the secrets of an environment come from, the strongest last; each is opened once at most."""
        if environment.name not in self._sources:
            self._sources[environment.name] = make_sources(self.root, environment.name, environment.secrets)
        return self._sources[environment.name]

    def secret_file(self, name: str) -> SecretFile:
        """`secrets/<env>.age`, which is in git, encrypted."""
        return secret_file(self.root, name)

    def generate_secret(self, environment: str, name: str, purpose: str) -> Path:
        """Append a random value of a variable, and what it is for, to the local file (mode 0600); return its path."""
        path = self.local_file(environment)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        note = f"# Made by the first deploy: {purpose}.\n"
        replace_file(path, f"{before}{note}{name}={secrets.token_urlsafe(24)}\n".encode(), 0o600)
        return path

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


def _is_text(value: str) -> bool:
    """Whether it was UTF-8 on the command line: Python keeps what was not in characters that none may encode."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
