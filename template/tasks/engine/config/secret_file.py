"""Secrets of one environment in git: `secrets/<env>.age`, for whom it is, and what is in it.

Beside the encrypted text stand two plain files, so that a diff shows what changed and a check needs no identity:
`<env>.recipients`, as `age -R` reads it, and `<env>.names`, with the day on which each value came.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from ..core.errors import UsageFault
from ..core.paths import replace_file
from ..core.redaction import redactor
from .age import count_recipients, decrypt, encrypt, find_identities, parse_recipient
from .dotenv import EnvFile, parse_env

FOLDER = "secrets"
LINE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*) (?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})")
NAMES_HEADER = "# What {file} has, and since when. The tasks secrets.* write it.\n"
RECIPIENTS_HEADER = (
    "# Who can read {file}. The tasks secrets.* write it, and encrypt that file for those who are here.\n"
)


@dataclass(frozen=True)
class Recipient:
    """Somebody, or something, that can read a file: its public key, and what people call it."""

    key: str
    name: str


@dataclass(frozen=True)
class SecretFile:
    """One environment's file; `root` is the service's, `path` is below it."""

    root: Path
    path: Path

    @property
    def name(self) -> str:
        """The file as people name it."""
        return self.path.as_posix()

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return (self.root / self.path).exists()

    def data(self) -> bytes:
        """What it holds, encrypted; UsageFault where it cannot be read."""
        return self._read(self.path)

    def text(self) -> str:
        """What it holds, as lines NAME=value; UsageFault where no identity opens it, or it is damaged."""
        if not self.exists:
            return ""
        whose = ", ".join(each.name or each.key for each in self.recipients)
        return decrypt(self.data(), self.name, find_identities(), whose)

    def parse(self, text: str) -> EnvFile:
        """Its text, read; UsageFault that names lines, and shows none, where some are no NAME=value."""
        file = parse_env(self.path, text)
        if file.malformed:
            lines = ", ".join(map(str, file.malformed))
            what = f"{self.name} has lines that are neither a comment nor NAME=value: {lines}"
            raise UsageFault(what, remedy="correct them by secrets.edit; a value of several lines is in quotes")
        return file

    def values(self) -> dict[str, str]:
        """The secrets by name."""
        values = self.parse(self.text()).values()
        redactor.add(*values.values())
        return values

    @cached_property
    def names(self) -> dict[str, str]:
        """What is in it, by what stands beside it: names with the days on which their values came."""
        found: dict[str, str] = {}
        text = self._read(self.names_path).decode(errors="replace") if (self.root / self.names_path).exists() else ""
        for number, line in enumerate(_lines(text), start=1):
            match = LINE.fullmatch(line)
            if not line or line.startswith("#"):
                continue
            if match is None:
                where, remedy = f"{self.names_path}:{number}", "secrets.merge writes it anew, after the file itself"
                raise UsageFault(f"{self.names_path} has a line that is no name with a day", where=where, remedy=remedy)
            found[match["name"]] = match["day"]
        return found

    @cached_property
    def recipients(self) -> list[Recipient]:
        """For whom it is to be encrypted, in the order of their file; UsageFault where a line is no recipient."""
        path = self.root / self.recipients_path
        text = self._read(self.recipients_path).decode(errors="replace") if path.exists() else ""
        return read_recipients(text, str(self.recipients_path))

    def save(self, text: str, before: Mapping[str, str], recipients: Collection[Recipient] | None = None) -> None:
        """Encrypt a text for the recipients, by default those that it has; `before` are the values until now.

        Whoever is killed in between leaves a file that can be read: the list of recipients is written first, so that
        another save goes on from there. Raises UsageFault where nobody could read it, or the text is none.
        """
        wanted = list(self.recipients if recipients is None else recipients)
        if not wanted:
            remedy = "name somebody first: secrets.recipients add, with what secrets.keygen or age-keygen prints"
            raise UsageFault(f"{self.name} is for nobody yet", remedy=remedy)
        values = self.parse(text).values()
        encrypted = encrypt(text, [each.key for each in wanted])
        self._write_recipients(wanted)
        replace_file(self.root / self.path, encrypted)
        self._write_names(values, before)

    def faults(self) -> list[str]:
        """What is wrong with the three files as anybody can see them; damage shows where they are opened."""
        if not self.exists:
            return []
        encrypted, listed = count_recipients(self.data()), len(self.recipients)
        if encrypted not in (0, listed):
            return [f"is encrypted for {encrypted}, and {self.recipients_path} has {listed}; secrets.rotate mends it"]
        return []

    @property
    def names_path(self) -> Path:
        """Where the names are."""
        return self.path.with_suffix(".names")

    @property
    def recipients_path(self) -> Path:
        """Where the recipients are."""
        return self.path.with_suffix(".recipients")

    @property
    def paths(self) -> list[str]:
        """All three files, as git is told them."""
        return [str(self.path), str(self.names_path), str(self.recipients_path)]

    def _write_names(self, values: Mapping[str, str], before: Mapping[str, str]) -> None:
        today = datetime.now(timezone.utc).date().isoformat()
        same = {name: self.names[name] for name in self.names if values.get(name) == before.get(name)}
        lines = [f"{name} {same.get(name, today)}\n" for name in sorted(values)]
        self._replace(self.names_path, NAMES_HEADER, lines)
        self.__dict__.pop("names", None)

    def _write_recipients(self, recipients: Iterable[Recipient]) -> None:
        lines = []
        for each in recipients:
            if each.key.startswith("ssh-"):
                lines.append(f"{each.key} {each.name}".rstrip() + "\n")
            else:
                lines.append(f"# {each.name}\n{each.key}\n" if each.name else f"{each.key}\n")
        self._replace(self.recipients_path, RECIPIENTS_HEADER, lines)
        self.__dict__.pop("recipients", None)

    def _replace(self, path: Path, header: str, lines: Iterable[str]) -> None:
        content = header.format(file=self.name) + "\n" + "".join(lines)
        replace_file(self.root / path, content.encode())

    def _read(self, path: Path) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            remedy = "make it a file that can be read"
            raise UsageFault(f"{path} cannot be read: {error.strerror}", remedy=remedy) from error


def read_recipients(text: str, name: str) -> list[Recipient]:
    """The recipients in a text as `age -R` reads it; a comment right above one says who that is.

    UsageFault names the line of `name` that is none.
    """
    found, said = [], ""
    for number, line in enumerate(_lines(text), start=1):
        if not line or line.startswith("#"):
            said = line.removeprefix("#").strip()
            continue
        words = line.split(" ", 2)
        key, who = (" ".join(words[:2]), " ".join(words[2:])) if line.startswith("ssh-") else (line, said)
        try:
            parse_recipient(key)
        except UsageFault as fault:
            raise UsageFault(fault.what, where=f"{name}:{number}", remedy=fault.remedy) from None
        found.append(Recipient(key, who))
        said = ""
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def secret_file(root: Path, environment: str) -> SecretFile:
    """The file of an environment."""
    return SecretFile(root, Path(FOLDER) / f"{environment}.age")
