"""Secrets of a release as they are kept on a disk: encrypted for a host and for the recipients of its environment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..config.age import Identities, decrypt, encrypt
from ..config.secret_file import secret_file


def seal(root: Path, environment: str, host: Iterable[str], secrets: Mapping[str, str]) -> bytes | None:
    """Secrets by name for whoever may open them; None where that is nobody. `host` are the host's own recipients."""
    keys = [*(each.key for each in secret_file(root, environment).recipients), *host]
    return encrypt(json.dumps(dict(secrets)), keys, armored=False) if keys else None


def unseal(data: bytes, name: str, identities: Identities) -> dict[str, str]:
    """The secrets in what `seal` gave; the faults are those of `decrypt`."""
    opened: dict[str, str] = json.loads(decrypt(data, name, identities))
    return opened
