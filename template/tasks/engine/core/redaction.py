"""The one place that knows secret values, and takes them out of all that is printed or written down.

Whoever resolves a configuration tells their values here; what the tasks print, and records and events, pass through.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

from .network import MASK

ANYWHERE = 8
"""Characters from which a value is taken out wherever it stands; a shorter one may be a part of any word."""
SHORTEST = 4
"""Characters of a value that is taken out at all, as a whole word that is none of a language."""


class Redactor:
    """The secret values that are known, in all forms in which they could be printed."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, *values: str) -> None:
        """Take values out from now on; of one of several lines, each of them, too."""
        for text in {text for value in values for text in (value, *value.splitlines())}:
            if text and text not in self._known:
                self._known.add(text)
                self._pattern = None

    def redact(self, text: str) -> str:
        """`text` with a mask in the place of each secret value."""
        if not self._known:
            return text
        if self._pattern is None:
            self._pattern = re.compile("|".join(_alternatives(self._known)) or r"(?!)")
        return self._pattern.sub(MASK, text)


redactor = Redactor()
"""That of this process: a task resolves configurations at several places, and prints at many."""


class RedactingStream:
    """A stream of text that secret values do not get through; everything else is that of the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without secret values; gives its own length."""
        self._stream.write(redactor.redact(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redact_output() -> None:
    """Have all that this process prints pass through, to its end: what Invoke says of a fault as well."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, RedactingStream):
            setattr(sys, name, RedactingStream(stream))


def _alternatives(values: set[str]) -> list[str]:
    """A regular expression for each form of the values, the longest first, as one may be a part of another."""
    anywhere = {form for value in values if len(value) >= ANYWHERE for form in _forms(value) if len(form) >= ANYWHERE}
    words = {value for value in values if SHORTEST <= len(value) < ANYWHERE and not value.isalpha()}
    long = [re.escape(form) for form in sorted(anywhere, key=len, reverse=True)]
    return [*long, *(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])" for word in sorted(words))]


def _forms(value: str) -> Iterator[str]:
    """A value as it is, in a URL, in JSON, in quotes of a shell or of Python, and in base64 wherever it begins."""
    yield value
    yield from (quote(value, safe=""), quote(value), quote_plus(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    yield value.replace("'", "'\"'\"'")
    data = value.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # The characters at both ends are made of bits of what stands beside the value, too.
            encoded = encode(bytes(offset) + data).decode().rstrip("=")
            yield encoded[(0, 2, 3)[offset] : len(encoded) - (1 if (offset + len(data)) % 3 else 0)]
