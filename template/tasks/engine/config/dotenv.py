"""Environment files, read by python-dotenv, with the line of every value."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageFault

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
"""What nobody has to put into quotes."""
ONLY_HERE = {
    "'": re.compile(r"\\\\|\r"),
    '"': re.compile(r"\$|\\['0-9]|\r"),
    "": re.compile(r"\$|^[ \t]+#|[^\S ]#|[\r\u0085\u2028\u2029]"),
}
"""What Docker Compose reads otherwise than python-dotenv does, by the quote that a value begins with."""


@dataclass(frozen=True)
class Entry:
    """One assignment. `comments` are the lines right above it, `remark` is the comment behind its value.

    `same_everywhere` says that plain Docker Compose, which reads such a file as an `env_file`, reads the same value.
    """

    name: str
    value: str
    line: int
    comments: tuple[str, ...] = ()
    remark: str = ""
    same_everywhere: bool = True


@dataclass(frozen=True)
class Comment:
    """A line of a comment that stands above no variable."""

    text: str
    line: int


@dataclass(frozen=True)
class EnvFile:
    """A parsed file: its entries in order, and the lines that could not be read, whose text nobody may see.

    `header` is the first block of comments, `loose` are all others that a blank line or the end of the file parts from
    variables.
    """

    path: Path
    entries: tuple[Entry, ...]
    malformed: tuple[int, ...]
    header: tuple[Comment, ...] = ()
    loose: tuple[Comment, ...] = ()

    def values(self) -> dict[str, str]:
        """The values by name; of duplicates the last one counts, as everywhere where such files are read."""
        return {entry.name: entry.value for entry in self.entries}


def read_env_file(path: Path) -> EnvFile:
    """Parse `path`. Values are taken as they stand: `$` means nothing in them.

    Raises UsageFault where the file cannot be read as UTF-8 text.
    """
    return parse_env(path, _text(path))


def parse_env(path: Path, text: str) -> EnvFile:
    """Parse what a file holds, or what stands for one that `path` names."""
    from dotenv.parser import parse_stream

    entries: list[Entry] = []
    malformed: list[int] = []
    comments: list[Comment] = []
    blocks: list[tuple[Comment, ...]] = []
    header: tuple[Comment, ...] = ()
    for binding in parse_stream(io.StringIO(text.replace("\r\n", "\n"), newline="")):
        lead, body = _split_blank_lines(binding.original.string)
        line = binding.original.line + lead.count("\n")
        if lead and comments:
            if not (header or blocks or entries):
                header = tuple(comments)
            else:
                blocks.append(tuple(comments))
            comments = []
        if binding.error or (binding.key is not None and not _is_assignment(binding.key, binding.value)):
            malformed.append(line)
        elif binding.key is None:
            comments.extend(Comment(text, line + at) for at, text in _comment_lines(body))
        else:
            texts = tuple(comment.text for comment in comments)
            entries.append(_entry(binding.key, binding.value or "", line, texts, body))
            comments = []
    loose = tuple(comment for block in [*blocks, tuple(comments)] for comment in block)
    return EnvFile(path, tuple(entries), tuple(malformed), header, loose)


def write_entry(name: str, value: str) -> str:
    """The line, or lines, by which a file has a value, byte for byte; it is read back before it is given.

    Raises UsageFault for what no such line can hold, such as a NUL.
    """
    single = value.replace("\\", "\\\\").replace("'", "\\'")
    double = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    plain = [value] if PLAIN.fullmatch(value) else []
    for written in (*plain, f"'{single}'", f'"{double}"'):
        # The quotes of what follows must not be taken for its end.
        read = parse_env(Path(), f"{name}={written}\nA='1'\nB=\"2\"\n")
        if [each.value for each in read.entries] == [value, "1", "2"] and "\0" not in value:
            return f"{name}={written}"
    what = f"the value of {name} cannot be written into an environment file"
    raise UsageFault(what, remedy="keep it as base64")


def replace_entry(text: str, name: str, value: str | None) -> str:
    """A file's text with another value of one name, in its place or at the end; None takes the name out."""
    from dotenv.parser import parse_stream

    parts, wanted = [], "" if value is None else f"{write_entry(name, value)}\n"
    for binding in parse_stream(io.StringIO(text, newline="")):
        if binding.key == name and not binding.error:
            lead, _ = _split_blank_lines(binding.original.string)
            parts.append(lead + wanted)
            wanted = ""
        else:
            parts.append(binding.original.string)
    before = "".join(parts)
    return before + ("\n" if wanted and before and not before.endswith("\n") else "") + wanted


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        what = f"{path.name} cannot be read: it is no UTF-8 text"
        raise UsageFault(what, where=f"{path.name}:{line}", remedy="write this line in UTF-8") from None
    except OSError as error:
        what = f"{path.name} cannot be read: {error.strerror}"
        raise UsageFault(what, remedy="make it a readable UTF-8 text file") from error


def _is_assignment(name: str, value: str | None) -> bool:
    """Whether it is one: the lines of a key that was pasted without quotes are names with anything in them."""
    return value is not None and NAME.fullmatch(name) is not None


def _entry(name: str, value: str, line: int, comments: tuple[str, ...], source: str) -> Entry:
    written = source.partition("=")[2].rstrip("\n")
    quote = next((mark for mark in ("'", '"') if written.lstrip().startswith(mark)), "")
    same = ONLY_HERE[quote].search(written) is None
    remark = written.rpartition("#")[2].strip() if "#" in written.replace(value, "") else ""
    return Entry(name, value, line, comments, remark, same)


def _split_blank_lines(text: str) -> tuple[str, str]:
    body = text.lstrip("\r\n")
    return text[: len(text) - len(body)], body


def _comment_lines(text: str) -> Iterator[tuple[int, str]]:
    for at, line in enumerate(text.splitlines()):
        if line.strip().startswith("#"):
            yield at, line.strip()[1:].strip()
