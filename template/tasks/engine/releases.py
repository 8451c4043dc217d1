"""Releases: what was deployed where, when and by whom, kept with the engine or in the state folder."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any, Protocol

from .source import BuildInfo


@dataclass(frozen=True)
class Release:
    """One release. `artefact` identifies the image or binary, `configuration` is a hash of all values."""

    id: str
    service: str
    env: str
    version: str
    commit: str
    built_at: str
    slot: str
    artefact: str
    configuration: str
    deployed_at: str
    deployed_by: str
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def build(self) -> BuildInfo:
        """What `/version` answers while this release serves."""
        return BuildInfo(self.service, self.env, self.version, self.commit, self.built_at)

    def summary(self) -> dict[str, str]:
        """The release as the JSON of `status` shows it."""
        names = ("id", "version", "commit", "env", "built_at", "deployed_at")
        return {name: str(getattr(self, name)) for name in names}

    def finished(self, seconds: Mapping[str, float]) -> Release:
        """This release, served from now on, with the seconds that each step took."""
        return replace(self, deployed_at=now(), seconds=dict(seconds))


class ReleaseStore(Protocol):
    """Where release records are."""

    def read(self) -> list[Release]:
        """All records, oldest first."""

    def write(self, release: Release) -> None:
        """Keep a record, as a whole or not at all."""


def new_release(info: BuildInfo, slot: str, artefact: str, configuration: str) -> Release:
    """A release that is about to be started; its id sorts by time and shows the commit."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")[:-3]
    short = info.commit[:7] if info.commit != "unknown" else "nogit"
    return Release(
        id=f"{moment}-{short}",
        service=info.service,
        env=info.env,
        version=info.version,
        commit=info.commit,
        built_at=info.built_at,
        slot=slot,
        artefact=artefact,
        configuration=configuration,
        deployed_at="",
        deployed_by=f"{getpass.getuser()}@{socket.gethostname()}",
    )


def to_text(release: Release) -> str:
    """A record as it is kept."""
    return json.dumps(asdict(release), indent=2) + "\n"


def from_texts(texts: Mapping[str, str]) -> list[Release]:
    """The records in files by name, oldest first; a file that is not one is passed over."""
    releases = [release for name in sorted(texts) if (release := _parse(texts[name])) is not None]
    return sorted(releases, key=lambda release: release.deployed_at)


def now() -> str:
    """The time in UTC as RFC 3339 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(text: str) -> Release | None:
    try:
        data: Any = json.loads(text)
        return Release(**{item.name: data[item.name] for item in fields(Release)})
    except (ValueError, TypeError, KeyError):
        return None
