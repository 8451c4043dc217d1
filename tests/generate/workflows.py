"""The workflows of a rendered service, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CHECK, UPDATE = "ci.yml", "template-update.yml"


def workflow(folder: Path, name: str) -> dict[str, Any]:
    """A workflow of a service; YAML reads the key `on` as the truth value that it is in its first version."""
    document = yaml.safe_load((folder / ".github" / "workflows" / name).read_text())
    return {"on" if key is True else key: value for key, value in document.items()}


def jobs(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["jobs"].values())


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in jobs(document) for step in job["steps"]]
