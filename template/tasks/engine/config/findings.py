"""What is wrong with one environment file, whatever the other files say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import nearest
from .dotenv import Entry, EnvFile
from .schema import Schema

CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")


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


def names_file(schema: Schema, name: str) -> bool:
    """Whether `name` is NAME_FILE of a variable: the path of a file that holds the value."""
    return name.endswith("_FILE") and name.removesuffix("_FILE") in schema.variables


def first_value(path: Path) -> str | None:
    """The content of a file that holds one value, without its last line end; None where there is no such file."""
    try:
        return path.read_bytes().decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError):
        return None


def check_lines(file: EnvFile, schema: Schema) -> list[Finding]:
    """Lines that cannot be read, and names that are set twice."""
    findings = [
        Finding(file.path.name, line, "", "the line is neither a comment nor NAME=value") for line in file.malformed
    ]
    seen: dict[str, int] = {}
    for entry in file.entries:
        if entry.name in seen:
            message = f"is set twice, first in line {seen[entry.name]}; keep one"
            findings.append(Finding(file.path.name, entry.line, _shown(file, schema, entry.name), message))
        seen.setdefault(entry.name, entry.line)
    return findings


def check_compose(file: EnvFile) -> list[Finding]:
    """What plain `docker compose up`, which reads the tracked file alone, would make something else of."""
    message = f"is read otherwise by Docker Compose; write it in single quotes, or set it in {file.path.name}.local"
    return [
        Finding(file.path.name, entry.line, entry.name, message) for entry in file.entries if not entry.same_everywhere
    ]


def check_names(file: EnvFile, schema: Schema) -> list[Finding]:
    """Names that the schema does not know, and files of values that are none."""
    findings = []
    for entry in file.entries:
        if entry.name in schema.variables:
            continue
        if names_file(schema, entry.name):
            message = _file_fault(file, schema, entry)
        elif not _shown(file, schema, entry.name):
            message = f"the name is not in {schema.path.name}"
        else:
            hint = nearest(entry.name, schema.variables)
            hint = hint if hint.startswith("did you mean") else "describe it there first"
            message = f"is not in {schema.path.name}; {hint}"
        if message:
            findings.append(Finding(file.path.name, entry.line, _shown(file, schema, entry.name), message))
    return findings


def _file_fault(file: EnvFile, schema: Schema, entry: Entry) -> str:
    if first_value(file.path.parent / entry.value) is not None:
        return ""
    secret = schema.variables[entry.name.removesuffix("_FILE")].sensitive
    return "names what is not a readable file" if secret else f'names "{entry.value}", which is not a readable file'


def _shown(file: EnvFile, schema: Schema, name: str) -> str:
    """A name as it may be shown: an unknown one may be a piece of a secret, such as the last line of a pasted key.

    So it is not shown where it is no name in capitals, and in a file with lines that cannot be read.
    """
    known = name in schema.variables or names_file(schema, name)
    return name if known or (not file.malformed and CAPITALS.fullmatch(name)) else ""
