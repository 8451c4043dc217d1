"""Rules for the text of every file, in this repository and in what it renders."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|goproxy\.(?:io|cn)|npmjs\.(?:org|com)"
    r"|crates\.io|rubygems\.org|deb\.debian\.org|archive\.ubuntu\.com|dl-cdn\.alpinelinux\.org|artifactory\.|jfrog\.io"
    r"|mirrors?\.[a-z]+\.(?:com|cn|edu)"
)
"""A file that names a package registry decides for its reader where packages come from."""

UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
WORKPLACES = re.compile(
    r"(?<![\w.$}-])(?:/work(?=/)|/Users(?=/\w)|/home(?=/\w)(?!/nonroot)|/tmp/tmp\w)|[A-Z]:\\\\?Users"
)
"""Absolute paths of the machine of whoever wrote a file; /home/nonroot is a folder of a base image."""


def texts(root: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The files that hold text, by name; links and binary files are passed over."""
    for name in names:
        path = root / name
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            yield name, content.decode("utf-8")


def matches(pattern: re.Pattern[str], root: Path, names: Iterable[str]) -> list[str]:
    """`file:line: what was found` for every line in which the pattern is found."""
    found = []
    for name, text in texts(root, names):
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{name}:{number}: {match[0]}")
    return found


def lines_of_code(source: str) -> int:
    """The lines of a program without blank ones, comments and docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
    docstrings = {line for text in texts for line in range(text.lineno, (text.end_lineno or 0) + 1)}
    numbered = enumerate(source.splitlines(), 1)
    return sum(1 for n, line in numbered if n not in docstrings and line.strip() and not line.strip().startswith("#"))
