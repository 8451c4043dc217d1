"""Releases and their deployments: what was put where, when and by whom, kept with the engine or in the state folder."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Any, Protocol

from ..build.source import BuildInfo
from ..config.configuration import Configuration
from ..config.process_types import ProcessType
from ..core.paths import user_name
from ..core.redaction import redactor

KEPT = 5
"""How many of the last good releases can be returned to."""
BEGUN = "begun"
"""Recorded just before the traffic is switched: a deployer that is killed then leaves no more than this."""
DONE = "done"
FAILED = "failed"


@dataclass(frozen=True)
class Release:
    """A build with its configuration. `artefact` identifies the image or binary, `values` are masked.

    `migrations` is a hash of those that its database has had; empty where nothing is known of them. `processes` are
    what it has beside the service, each in words, and `secrets` the names of those, each with the day of its value.
    """

    id: str
    service: str
    env: str
    version: str
    commit: str
    built_at: str
    artefact: str
    configuration: str
    values: Mapping[str, str] = field(default_factory=dict)
    migrations: str = ""
    processes: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def build(self) -> BuildInfo:
        """What `/version` answers while this release serves."""
        return BuildInfo(self.service, self.env, self.version, self.commit, self.built_at)

    @property
    def dirty(self) -> bool:
        """Whether it was built from a work tree with uncommitted changes."""
        return "-dirty." in self.version


@dataclass(frozen=True)
class Deployment:
    """One deploy or rollback: `action` says which, `outcome` is begun, done or failed, `seconds` are each step's."""

    release: Release
    action: str
    outcome: str
    at: str
    by: str
    reason: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, str]:
        """The release as the JSON of `status` shows it."""
        names = ("id", "version", "commit", "env", "built_at")
        return {**{name: str(getattr(self.release, name)) for name in names}, "deployed_at": self.at}

    def document(self) -> dict[str, Any]:
        """The deployment as the JSON of `history` shows it."""
        return {**asdict(self), "release": {**asdict(self.release), "dirty": self.release.dirty}}

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())


class ReleaseStore(Protocol):
    """Where deployments are recorded."""

    def read(self) -> list[Deployment]:
        """All records, oldest first."""

    def write(self, deployment: Deployment) -> None:
        """Keep a record, as a whole or not at all."""


def new_release(
    info: BuildInfo,
    artefact: str,
    configuration: Configuration,
    fingerprint: str,
    migrations: str = "",
    processes: Sequence[ProcessType] = (),
    secrets: Mapping[str, str] | None = None,
) -> Release:
    """A release that is about to be started, the same on all hosts; its id sorts by time and shows the commit."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")[:-3]
    short = info.commit[:7] if info.commit != "unknown" else "nogit"
    values = configuration.told()
    return Release(
        id=f"{moment}-{short}",
        service=info.service,
        env=info.env,
        version=info.version,
        commit=info.commit,
        built_at=info.built_at,
        artefact=artefact,
        configuration=fingerprint,
        values=values,
        migrations=migrations,
        processes={each.name: each.described() for each in processes},
        secrets=secrets or {},
    )


def new_deployment(
    release: Release, action: str, seconds: Mapping[str, float], outcome: str = DONE, reason: str = ""
) -> Deployment:
    """What has just been done, by this user on this machine."""
    by = f"{user_name()}@{socket.gethostname()}"
    return Deployment(release, action, outcome, now(), by, reason, dict(seconds))


def good(deployments: Iterable[Deployment]) -> list[Deployment]:
    """The last successful deployment of every release, newest first."""
    newest: dict[str, Deployment] = {}
    for deployment in deployments:
        if deployment.outcome == DONE:
            newest[deployment.release.id] = deployment
    return sorted(newest.values(), key=lambda deployment: deployment.at, reverse=True)


def last_of(deployments: Iterable[Deployment], release: str) -> Deployment | None:
    """The last deployment of a release that serves: one that was begun and switched counts, whatever came after."""
    found = [deployment for deployment in deployments if deployment.release.id == release]
    return next((deployment for deployment in reversed(found) if deployment.outcome != FAILED), None)


def record_name(deployment: Deployment) -> str:
    """The name of a record's file: by time, so that a listing is a history.

    The outcome never takes the place of the file that says that the deployment was begun: where the disk is full, that
    one is what remains.
    """
    kind = ".begun" if deployment.outcome == BEGUN else ""
    return f"{deployment.at.replace(':', '')}-{deployment.release.id}{kind}.json"


def to_text(deployment: Deployment) -> str:
    """A record as it is kept."""
    return redactor.redact(json.dumps(asdict(deployment), indent=2)) + "\n"


def from_texts(texts: Mapping[str, str]) -> list[Deployment]:
    """The records in files by name, oldest first, each with its outcome; a file that is not one is passed over."""
    parsed = [deployment for text in texts.values() if (deployment := _parse(text)) is not None]
    parsed.sort(key=lambda deployment: (deployment.at, deployment.outcome != BEGUN))
    return list({(deployment.at, deployment.release.id): deployment for deployment in parsed}.values())


def now() -> str:
    """The time in UTC as RFC 3339 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(text: str) -> Deployment | None:
    try:
        data: Any = json.loads(text)
        # A record from before there was a field has its default.
        known = {item.name for item in fields(Release)} & set(data["release"])
        release = Release(**{name: data["release"][name] for name in known})
        rest = {item.name: data[item.name] for item in fields(Deployment) if item.name != "release"}
        return Deployment(release, **rest)
    except (ValueError, TypeError, KeyError):
        return None
