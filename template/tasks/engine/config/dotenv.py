"""Environment files, read by python-dotenv, with the line of every value."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageFault


@dataclass(frozen=True)
class Entry:
    """One assignment: `value` is None where there is no equals sign; `comments` are the lines right above it."""

    name: str
    value: str | None
    line: int
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnvFile:
    """A parsed file: its entries in order, and the lines that could not be read."""

    path: Path
    entries: tuple[Entry, ...]
    malformed: tuple[int, ...]
    header: tuple[str, ...] = ()

    def values(self) -> dict[str, str]:
        """The values by name; of duplicates the last one counts, as everywhere where such files are read."""
        return {entry.name: entry.value for entry in self.entries if entry.value is not None}


def read_env_file(path: Path) -> EnvFile:
    """Parse `path`. Values are taken as they stand: `$` means nothing in them.

    Raises UsageFault where the file cannot be read as UTF-8 text.
    """
    from dotenv.parser import parse_stream

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"{path.name} cannot be read: {error}", remedy="make it a readable UTF-8 text file") from error
    entries: list[Entry] = []
    malformed: list[int] = []
    comments: list[str] = []
    blocks: list[tuple[str, ...]] = []
    for binding in parse_stream(io.StringIO(text)):
        lead, body = _split_blank_lines(binding.original.string)
        line = binding.original.line + lead.count("\n")
        if lead and comments:
            blocks.append(tuple(comments))
            comments = []
        if binding.error:
            malformed.append(line)
        elif binding.key is None:
            comments.extend(_comment_lines(body))
        else:
            entries.append(Entry(binding.key, binding.value, line, tuple(comments)))
            comments = []
    header = blocks[0] if blocks else ()
    return EnvFile(path, tuple(entries), tuple(malformed), header)


def _split_blank_lines(text: str) -> tuple[str, str]:
    body = text.lstrip("\r\n")
    return text[: len(text) - len(body)], body


def _comment_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip().startswith("#"):
            yield line.strip()[1:].strip()
