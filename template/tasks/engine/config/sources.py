"""Where an environment's secrets come from: a file in this repository, or a command that asks a KMS or a vault.

Which names a source has is known without opening it, so that only what needs a value asks for it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from ..core.errors import MissingFault, UsageFault, nearest
from ..core.redaction import redactor
from .age import IDENTITY
from .dotenv import parse_env
from .secret_file import SecretFile, secret_file
from .values import fault, matching, one_of, seconds

FORMATS = ("env", "json", "value")
TIMEOUT = 30.0
"""Seconds that a command has, where its setting names no others."""
KEYS = ("file", "command", "format", "names", "timeout")


@dataclass(frozen=True)
class SourceSettings:
    """One source as `invoke.yaml` names it: a `file`, or a `command` with the names that it gives and how."""

    file: str = ""
    command: tuple[str, ...] = ()
    format: str = "env"
    names: tuple[str, ...] = ()
    timeout: float = TIMEOUT


class Source(Protocol):
    """A source of some values; `asks` tells whether another program has to be asked for them."""

    @property
    def origin(self) -> str:
        """How people call it."""
        ...

    @property
    def names(self) -> Collection[str]:
        """The variables that it has; UsageFault where that cannot be told."""
        ...

    @property
    def days(self) -> Mapping[str, str]:
        """The days of the values, by name, as far as it knows them."""
        ...

    @property
    def asks(self) -> bool: ...

    @property
    def values(self) -> Mapping[str, str]:
        """The values, by name; a Fault that names the source, and shows nothing of what it said, where it fails."""
        ...


@dataclass(frozen=True)
class FileSource:
    """An encrypted file of this repository."""

    file: SecretFile
    asks = False

    @property
    def origin(self) -> str:
        return self.file.name

    @property
    def names(self) -> Collection[str]:
        return self.file.names

    @property
    def days(self) -> Mapping[str, str]:
        return self.file.names

    @cached_property
    def values(self) -> Mapping[str, str]:
        values = self.file.values()
        if set(values) != set(self.names):
            what = f"what {self.origin} has, and the list of names beside it, are not the same"
            raise UsageFault(what, remedy="secrets.rotate writes both anew")
        return values


@dataclass(frozen=True)
class CommandSource:
    """What a command prints; it runs in the service's root, with all variables of the shell but the identity."""

    root: Path
    settings: SourceSettings
    asks = True

    @property
    def origin(self) -> str:
        """The program's name."""
        return PurePosixPath(self.settings.command[0]).name

    @property
    def names(self) -> Collection[str]:
        return self.settings.names

    @property
    def days(self) -> Mapping[str, str]:
        return {}

    @cached_property
    def values(self) -> Mapping[str, str]:
        values = self._parsed(self._output())
        redactor.add(*values.values())
        lacking = [name for name in self.names if name not in values]
        if lacking:
            raise self._fault(f"gives no {', '.join(lacking)}")
        return {name: values[name] for name in self.names}

    def _output(self) -> str:
        argv, timeout = self.settings.command, self.settings.timeout
        env = {name: value for name, value in os.environ.items() if name != IDENTITY}
        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        try:
            with subprocess.Popen(argv, cwd=self.root, env=env, stdin=nothing, stdout=pipe, stderr=nothing) as process:
                try:
                    said, _ = process.communicate(timeout=timeout)
                finally:
                    process.kill()
        except OSError as error:
            remedy = f"install {argv[0]}, or correct the command"
            raise MissingFault(f"{argv[0]} cannot be run: {error.strerror}", where=self._place, remedy=remedy) from None
        except subprocess.TimeoutExpired:
            raise self._fault(f"did not answer within {timeout:g} s") from None
        if process.returncode:
            raise self._fault(f"ended with status {process.returncode}")
        try:
            return bytes(said).decode()
        except UnicodeDecodeError:
            raise self._fault("gives no UTF-8 text") from None

    def _parsed(self, text: str) -> dict[str, str]:
        if self.settings.format == "value":
            return {self.settings.names[0]: text.removesuffix("\n")}
        if self.settings.format == "json":
            return self._of_json(text)
        file = parse_env(Path(self.origin), text)
        if file.malformed:
            raise self._fault("gives lines that are neither a comment nor NAME=value")
        return file.values()

    def _of_json(self, text: str) -> dict[str, str]:
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self._fault("gives no JSON object")
        wrong = [name for name in self.names if isinstance(document.get(name), (dict, list))]
        if wrong:
            raise self._fault(f"gives no text for {', '.join(wrong)}")
        return {name: _as_text(value) for name, value in document.items() if value is not None}

    def _fault(self, what: str) -> UsageFault:
        """What it said is not shown: secrets may be in it."""
        remedy = f"see what it says, which may be secret: {shlex.join(self.settings.command)}"
        return UsageFault(f"{self.origin} {what}", where=self._place, remedy=remedy)

    @property
    def _place(self) -> str:
        return f"source of {', '.join(self.names)}"


def parse_sources(key: str, value: Any) -> tuple[SourceSettings, ...] | None:
    """The setting `secrets` of an environment; None where it is not there. UsageFault names what is wrong."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise fault(key, value, "a list of sources, such as [{file: secrets/prod.age}]")
    return tuple(_parse_source(f"{key}[{number}]", each) for number, each in enumerate(value))


def make_sources(root: Path, environment: str, wanted: Sequence[SourceSettings] | None) -> list[Source]:
    """The sources of an environment, the strongest last: those that are wanted, else its file where it is there."""
    if wanted is None:
        file = secret_file(root, environment)
        return [FileSource(file)] if file.exists else []
    sources: list[Source] = []
    for each in wanted:
        if each.command:
            sources.append(CommandSource(root, each))
            continue
        file = SecretFile(root, Path(each.file))
        if not file.exists:
            raise UsageFault(f"{each.file} is not there", where="invoke.yaml, secrets", remedy="restore it from git")
        sources.append(FileSource(file))
    return sources


def _parse_source(key: str, value: Any) -> SourceSettings:
    if not isinstance(value, Mapping) or ("file" in value) == ("command" in value):
        raise fault(key, value, "a mapping with either a file or a command")
    for name in value:
        if name not in (KEYS if "command" in value else ("file",)):
            raise UsageFault(f"{key}.{name} is not a setting", where="invoke.yaml", remedy=nearest(str(name), KEYS))
    if "file" in value:
        expected = "a path below this folder that ends with .age"
        return SourceSettings(file=matching(f"{key}.file", value["file"], r"(?!.*\.\.)[^/].*\.age", expected))
    kind = one_of(f"{key}.format", value.get("format", "env"), FORMATS)
    names = _texts(f"{key}.names", value.get("names"), "a list of the variables that it gives")
    if kind == "value" and len(names) != 1:
        raise fault(f"{key}.names", list(names), "a list of one name, as format: value has one value")
    command = _texts(f"{key}.command", value["command"], "a list of words, such as [sops, decrypt, secrets.yaml]")
    return SourceSettings("", command, kind, names, seconds(f"{key}.timeout", value.get("timeout", TIMEOUT)))


def _texts(key: str, value: Any, expected: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise fault(key, value, expected)
    return tuple(value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
