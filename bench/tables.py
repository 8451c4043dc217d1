"""Tables as Markdown has them."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells, with a line end."""
    lines = ["| " + " | ".join(row) + " |" for row in (headings, ["---"] * len(headings), *rows)]
    return "\n".join(lines).replace("|  |", "| |").replace("| --- ", "|---").replace("---|---", "---|---") + "\n"
