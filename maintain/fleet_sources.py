"""Which services a fleet's task is about: folders, URLs of repositories, and files that list them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.template.addresses import masked

URL = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)", re.IGNORECASE)
"""With a scheme, or as SSH knows it: user@host:path."""


@dataclass(frozen=True)
class Source:
    """A service's repository: `address` is an absolute path or a URL, `name` is its own among those of one run."""

    name: str
    address: str

    @property
    def folder(self) -> Path | None:
        """The folder on this machine, or None for a URL."""
        return None if URL.match(self.address) else Path(self.address)

    @property
    def key(self) -> str:
        """A name for files about this source, the same in every run."""
        plain = re.sub(r"[^A-Za-z0-9.-]+", "-", self.name).strip("-.")
        return f"{plain}-{hashlib.sha256(self.address.encode()).hexdigest()[:10]}"


def read_sources(words: Iterable[str], base: Path) -> list[Source]:
    """Turn words into sources, each address once; relative paths start from `base`.

    A word is a URL, a folder, or a file with one of these per line, whose relative paths start from the file's folder.
    Raises UsageFault where there is none, or a word is nothing of these.
    """
    addresses = list(dict.fromkeys(address for word in words for address in _addresses(word, base, "")))
    if not addresses:
        raise UsageFault(
            "no service is named",
            remedy="name folders or URLs of services, or a file with one of them per line, after the task",
        )
    return list(_named(addresses))


def _addresses(word: str, base: Path, where: str) -> Iterator[str]:
    if URL.match(word):
        yield word
        return
    path = (base / Path(word).expanduser()).resolve()
    if path.is_dir():
        yield str(path)
    elif path.is_file() and not where:
        yield from _listed(path)
    else:
        raise UsageFault(
            f'"{word}" is no folder, no URL{"" if where else " and no file that lists them"}',
            where=where or str(base),
            remedy="mend it, or leave it out",
        )


def _listed(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"{path.name} cannot be read as a list of services", where=str(path)) from error
    for number, line in enumerate(lines, 1):
        word = re.sub(r"(^|\s)#.*", "", line).strip()
        if word:
            yield from _addresses(word, path.parent, f"{path}:{number}")


def _named(addresses: Iterable[str]) -> Iterator[Source]:
    """Name each by the last part of its address, with a number where that name is taken."""
    taken: set[str] = set()
    for address in addresses:
        last = re.split(r"[/:]", masked(address).removesuffix("?***").rstrip("/"))[-1].removesuffix(".git") or "service"
        numbered = (f"{last}-{number}" for number in count(2))
        name = next(name for name in chain([last], numbered) if name not in taken)
        taken.add(name)
        yield Source(name, address)
