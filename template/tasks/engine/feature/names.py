"""What a new feature is called: in words, in Go, in paths and in the database."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.errors import UsageFault

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40
GO_KEYWORDS = frozenset(
    (
        *("break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func", "go"),
        *("goto", "if", "import", "interface", "map", "package", "range", "return", "select", "struct", "switch"),
        *("type", "var"),
    )
)
"""The Go specification, "Keywords"."""
TAKEN = frozenset({"app", "platform", "publisher", "reconciler", "internal", "main", "test", "vendor", "testdata"})
"""Folders that mean something in internal/, or to Go."""


@dataclass(frozen=True)
class Names:
    """The names of a feature, which is called by words with hyphens: one of it, and several."""

    one: str
    several: str

    @property
    def package(self) -> str:
        """The Go package and its folder: pricelist."""
        return self.one.replace("-", "")

    def replaced(self, text: str) -> str:
        """A text of the shape, with this feature's names in the place of the shape's."""
        words = {
            "«gadgets/path»": self.several,
            "«gadgets/table»": self.several.replace("-", "_"),
            "«a gadget»": f"{_article(self.one)} {_words(self.one)}",
            "«gadgets»": _words(self.several),
            "«gadget»": _words(self.one),
            "package gadget": f"package {self.package}",
            "Package gadget": f"Package {self.package}",
            "Gadgets": _camel(self.several),
            "Gadget": _camel(self.one),
            "gadgets": _lower_camel(self.several),
            "gadget": self.package,
        }
        for name, own in words.items():
            text = text.replace(name, own)
        return text


def parse_names(one: str, several: str = "") -> Names:
    """The names of a feature by what it is called, and its plural where the usual one would be wrong.

    Raises UsageFault where one of them cannot be a name.
    """
    for option, name in (("NAME", one), *([("--plural", several)] if several else [])):
        if not NAME.fullmatch(name) or len(name) > LONGEST:
            what = f'"{name}" cannot be the name of a feature'
            remedy = f"{option} is words in lower case with hyphens, of at most {LONGEST} letters, as in price-list"
            raise UsageFault(what, remedy=remedy)
    names = Names(one, several or _plural(one))
    if names.package in GO_KEYWORDS | TAKEN:
        raise UsageFault(f'"{one}" means something else already', remedy="take another name")
    if names.several == one:
        raise UsageFault(f'"{one}" is its own plural', remedy="--plural names more than one of it")
    return names


def _plural(word: str) -> str:
    """The usual plural in English."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _words(name: str) -> str:
    return name.replace("-", " ")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _lower_camel(name: str) -> str:
    camel = _camel(name)
    return camel[0].lower() + camel[1:]
