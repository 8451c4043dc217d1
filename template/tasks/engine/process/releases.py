"""Release records of the process target."""

from __future__ import annotations

from pathlib import Path

from ..core.paths import write_private
from ..deploy.releases import Deployment, from_texts, record_name, to_text


class FileReleases:
    """Release records as files of the state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> list[Deployment]:
        """All records, oldest first."""
        return from_texts({path.name: path.read_text(encoding="utf-8") for path in self._folder.glob("*.json")})

    def write(self, deployment: Deployment) -> None:
        """Keep a record."""
        write_private(self._folder / record_name(deployment), to_text(deployment))
