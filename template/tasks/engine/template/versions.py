"""Versions of the template and of Go modules, and the changelog between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-.]?((?:a|b|rc|alpha|beta|dev|0\.|\d{14}-)[\w.-]*))?(?:\+\w+)?")
HEADING = re.compile(r"^## \[?(v?\d+\.\d+[^\]\s]*)\]?.*$", re.MULTILINE)

Key = tuple[tuple[int, int, int], bool, tuple[tuple[int, int, str], ...]]


def version_key(text: str) -> Key | None:
    """What versions are ordered by, None for what is none: v1.2.0rc1 < v1.2.0-rc.2 < v1.2.0 < v1.10.0."""
    match = VERSION.fullmatch(text)
    if not match:
        return None
    major, minor, patch, before = match.groups()
    words = re.findall(r"\d+|[a-zA-Z]+", before or "")
    parts = tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in words)
    return (int(major), int(minor), int(patch or 0)), before is None, parts


def lower(one: str, two: str) -> bool:
    """Whether both are versions and `one` comes before `two`."""
    keys = version_key(one), version_key(two)
    return keys[0] is not None and keys[1] is not None and keys[0] < keys[1]


def newest_release(tags: Iterable[str]) -> str:
    """The newest of the tags that are releases and no candidates; empty where there is none."""
    keys = {tag: key for tag in tags if (key := version_key(tag)) and key[1]}
    return max(keys, key=lambda tag: keys[tag], default="")


def changes_between(changelog: str, former: str, newer: str) -> str:
    """The sections of a changelog (Keep a Changelog) above `former`, up to and with `newer`.

    Where `newer` is no version, such as a commit, the section of what is not released counts as well.
    """
    headings = list(HEADING.finditer(changelog))
    ends = [*(match.start() for match in headings[1:]), len(changelog)]
    chosen = [
        changelog[match.start() : end].strip()
        for match, end in zip(headings, ends, strict=False)
        if not lower(newer, match[1]) and (version_key(former) is None or lower(former, match[1]))
    ]
    if version_key(newer) is None:
        first = headings[0].start() if headings else len(changelog)
        chosen.insert(0, changelog[changelog.find("\n## ") + 1 : first].strip())
    return "\n\n".join(part for part in chosen if part)
