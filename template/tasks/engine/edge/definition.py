"""What the front door is made from, as a hash: it tells whether the one that runs was made from something else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

EDGE = "copier-gin.edge"
"""The label of the front door's container that holds the hash."""


def edge_fingerprint(folder: Path, compose_files: Iterable[Path], values: Mapping[str, str]) -> str:
    """A hash of the files in `folder`, of the service `edge` in the compose files, and of the values that it reads."""
    services = json.dumps([_edge_in(path) for path in compose_files if path.exists()], sort_keys=True, default=str)
    read = {name: value for name, value in sorted(values.items()) if "${" + name in services}
    parts = (folder_fingerprint(folder), services, json.dumps(read))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def folder_fingerprint(folder: Path) -> str:
    """A hash of a folder's files with their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _edge_in(path: Path) -> Any:
    """The service `edge` of a compose file; one that is not in order is left to Compose to refuse."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads what Compose marks with tags of its own, such as !override, as it stands."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix + yaml.serialize(node))
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except yaml.YAMLError:
        return None
    services = document.get("services") if isinstance(document, dict) else None
    return services.get("edge") if isinstance(services, dict) else None
