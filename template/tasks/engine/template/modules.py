"""go.mod raised to what the template needs: line by line, so that the service's own requirements stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .versions import Key, lower, version_key

LINE = re.compile(r"^(?P<lead>\s*(?:require\s+)?)(?P<path>[^\s()/][^\s()]*)\s+(?P<version>v\S+)(?P<rest>.*)$")
GO = re.compile(r"^go (\S+)$", re.MULTILINE)
NO_VERSION: Key = ((0, 0, 0), False, ())
MODULE = re.compile(r"^module (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Raise:
    """A module, or `go` itself, whose version an update changed; `former` is empty for a new one."""

    path: str
    former: str
    newer: str

    def document(self) -> dict[str, str]:
        """The entry of the JSON document."""
        return {"path": self.path, "from": self.former, "to": self.newer}


def requirements(text: str) -> dict[str, str]:
    """The versions that a go.mod requires, by module."""
    return {match["path"]: match["version"] for _, match in _requirements(text)}


def raise_modules(mine: str, wanted: str) -> str:
    """`mine` with every module of `wanted` at least at the version that is wanted, and Go as well.

    What `wanted` has alone is added; `go mod tidy` drops it again where nothing imports it.
    """
    minimum = {match["path"]: match for _, match in _requirements(wanted)}
    lines = mine.splitlines()
    for number, match in _requirements(mine):
        least = minimum.pop(match["path"], None)
        if least and lower(match["version"], least["version"]):
            lines[number] = f"{match['lead']}{match['path']} {least['version']}{match['rest']}"
    text = "\n".join(lines) + "\n"
    for match in minimum.values():
        text = _insert(text, match["path"], f"{match['path']} {match['version']}{match['rest']}")
    mine_go, wanted_go = GO.search(mine), GO.search(wanted)
    if mine_go and wanted_go and lower(mine_go[1], wanted_go[1]):
        text = GO.sub(wanted_go[0], text, count=1)
    return text


def _insert(text: str, path: str, requirement: str) -> str:
    """Add a requirement where Go keeps its like: direct ones apart from indirect ones, each in order."""
    indirect = requirement.endswith("// indirect")
    alike = [
        (number, match["path"])
        for number, match in _requirements(text)
        if match["lead"] == "\t" and match["rest"].endswith("// indirect") == indirect
    ]
    if not alike:
        return f"{text}\nrequire {requirement}\n"
    lines = text.splitlines()
    place = next((number for number, other in alike if other > path), alike[-1][0] + 1)
    return "\n".join([*lines[:place], f"\t{requirement}", *lines[place:]]) + "\n"


def rename_module(text: str, former: str, newer: str) -> str:
    """`text` with the module's path as in `newer`, where it was that of `former`, which a new answer replaces."""
    one, two, mine = MODULE.search(former), MODULE.search(newer), MODULE.search(text)
    return MODULE.sub(two[0], text, count=1) if one and two and mine and mine[1] == one[1] else text


def unite_sums(mine: str, wanted: str) -> str:
    """All lines of two go.sum files, in the order that Go writes."""
    lines = {line for line in [*mine.splitlines(), *wanted.splitlines()] if line.strip()}
    return "".join(f"{line}\n" for line in sorted(lines, key=_place_of_sum))


def _place_of_sum(line: str) -> tuple[str, Key, str, str]:
    """Go orders go.sum by module, then version, and a module's own files before its go.mod."""
    path, _, rest = line.partition(" ")
    version, _, file = rest.partition(" ")[0].partition("/")
    return path, version_key(version) or NO_VERSION, file, line


def raised(before: str, after: str, wanted: Mapping[str, str]) -> list[Raise]:
    """What changed from one go.mod to another, among the modules that the template wants; `go` comes first."""
    versions = [requirements(text) for text in (before, after)]
    for found, text in zip(versions, (before, after), strict=True):
        found["go"] = match[1] if (match := GO.search(text)) else ""
    changed = [name for name in ("go", *wanted) if versions[1].get(name, "") not in ("", versions[0].get(name, ""))]
    return [Raise(name, versions[0].get(name, ""), versions[1][name]) for name in changed]


def _requirements(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """The lines that require a module, by number: those of `replace` and `exclude` look alike and are none."""
    block = ""
    for number, line in enumerate(text.splitlines()):
        code = line.partition("//")[0].strip()
        if code.endswith("("):
            block = code[:-1].strip()
        elif code == ")":
            block = ""
        elif (block or code.partition(" ")[0]) == "require" and (match := LINE.match(line)):
            yield number, match
