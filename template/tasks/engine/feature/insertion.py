"""Putting lines where they belong in a file that somebody may have changed since it was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import UsageFault


class Page:
    """The text of a file, by its lines; `path` is relative to the service's root."""

    def __init__(self, root: Path, path: str) -> None:
        """Read it; UsageFault where it is not there."""
        self.path = path
        try:
            self._lines = (root / path).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise UsageFault(f"{path} cannot be read: {error.strerror}", remedy="restore it from git") from error

    @property
    def text(self) -> str:
        """The file with what was put into it."""
        return "".join(f"{line}\n" for line in self._lines)

    def has(self, line: str) -> bool:
        """Whether a line is exactly this."""
        return line in self._lines

    def before(self, closing: str, opening: str, added: Sequence[str]) -> None:
        """Put lines before the first line that is `closing`, after the one that is `opening`.

        Raises UsageFault with the lines, for the user to put them there, where one of the two is missing.
        """
        try:
            at = self._lines.index(closing, self._lines.index(opening) + 1)
        except ValueError:
            raise UsageFault(
                f'there is no "{opening.strip()}" any more',
                where=self.path,
                details=[line.strip() for line in added],
                remedy="put it back for a moment, or take these lines to where they belong now",
            ) from None
        self._lines[at:at] = added

    def imports(self, path: str) -> None:
        """Add a Go import to the first group of imports that are the module's own."""
        module = path.partition("/internal/")[0]
        own = [i for i, line in enumerate(self._lines) if line.strip().startswith(f'"{module}/internal/')]
        if not own:
            raise UsageFault(f'it imports nothing of "{module}/internal/"', where=self.path, remedy="restore it")
        self._lines.insert(own[0], f'\t"{path}"')

    def section(self, headings: Sequence[str], added: Sequence[str], ahead_of: str = "") -> None:
        """Put lines at the end of a section of a YAML document, or before a line of it.

        `headings` are the lines that lead to the section, each with its indentation.
        """
        at = -1
        for heading in headings:
            if heading not in self._lines[at + 1 :]:
                remedy = "restore it, or write the section"
                raise UsageFault(f'there is no "{heading.strip()}"', where=self.path, remedy=remedy)
            at = self._lines.index(heading, at + 1)
        end = self._end(at)
        if ahead_of in self._lines[at:end]:
            end = self._lines.index(ahead_of, at)
        self._lines[end:end] = added

    def _end(self, heading: int) -> int:
        """The number of the first line after a section."""
        indentation = _indentation(self._lines[heading])
        after = range(heading + 1, len(self._lines))
        return next((i for i in after if self._lines[i] and _indentation(self._lines[i]) <= indentation), after.stop)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
