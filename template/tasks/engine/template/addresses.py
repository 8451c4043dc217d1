"""Addresses of templates and services: what git makes of them, and how they are shown without a password."""

from __future__ import annotations

import re
from pathlib import Path

from ..core.errors import UsageFault

ABSOLUTE = re.compile(r"/|~|[A-Za-z]:[\\/]|[a-z+]+://|[\w.-]+@[\w.-]+:|git\+|gh:|gl:", re.IGNORECASE)
SHORT = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
BY_SSH = re.compile(r"(\bssh://[^\s/:@]*):[^\s/]*@", re.IGNORECASE)
BY_HTTP = re.compile(r"(\b(?!(?:git\+)?ssh://)[a-z][a-z0-9+.-]*://)[^\s/]*@", re.IGNORECASE)
QUERY = re.compile(r"(://[^\s?'\"]*\?)[^\s'\"]+")


def masked(text: str) -> str:
    """Text without what gives access in the addresses that it holds: a password, a token, a query.

    The name of an ssh user is no secret; that of any other may be a token.
    """
    return QUERY.sub(r"\1***", BY_HTTP.sub(r"\1***@", BY_SSH.sub(r"\1:***@", text)))


def clone_address(root: Path, source: str) -> str:
    """What git clones, for an address as Copier takes it; UsageFault for a relative path, which means nothing here."""
    if not ABSOLUTE.match(source):
        found = [str(path.resolve()) for path in (root.parent / source, root / source) if (path / ".git").exists()]
        raise UsageFault(
            f'the template\'s address is "{masked(source)}", '
            "a path relative to the folder where `copier copy` was called",
            where=".copier-answers.yml, _src_path",
            remedy=f"set _src_path to {found[0] if found else 'its URL or its absolute path'} and commit that",
        )
    for short, long in SHORT.items():
        if source.startswith(short):
            return f"{long}{source.removeprefix(short)}.git"
    source = source.removeprefix("git+")
    return str(Path(source).expanduser()) if source.startswith("~") else source
