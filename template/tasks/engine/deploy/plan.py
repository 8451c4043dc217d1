"""What a deploy or a rollback would change, worked out without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..build.source import BuildInfo, Migration
from ..config.configuration import Configuration
from ..config.process_types import ProcessType
from .releases import Deployment, Release
from .target import Target

STEPS = ("check", "build", "image", "ship", "migrate")
AS_IT_IS = "as it is"
ENDED = "in no compose file any more: its container is removed"
DIFFERS = "made from something else than is here: --edge makes it anew, which breaks connections for a moment"
RENEWED = "made anew first, which breaks connections for a moment"


@dataclass(frozen=True)
class Plan:
    """The difference between what serves and what would. Values are masked; of secrets only the names are there."""

    action: str
    target: str
    url: str
    serving: str
    wanted: str
    artefact: str
    added: Mapping[str, str] = field(default_factory=dict)
    removed: Sequence[str] = ()
    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    migrations: Sequence[str] = ()
    irreversible: Sequence[str] = ()
    edge: str = AS_IT_IS
    left_behind: Sequence[str] = ()
    processes: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """The JSON document of `--plan`."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """The plan as lines of a table."""
        rows = [("serves now", self.serving or "nothing"), (f"{self.action} to", self.wanted), ("image", self.artefact)]
        rows += [(f"+ {name}", value) for name, value in self.added.items()]
        rows += [(f"- {name}", "") for name in self.removed]
        rows += [(f"~ {name}", " → ".join(values)) for name, values in self.changed.items()]
        if not (self.added or self.removed or self.changed):
            rows.append(("configuration", "as it is"))
        rows += [("migration", name) for name in self.migrations] or [("migrations", "none")]
        rows += [("no way back", name) for name in self.irreversible]
        return [
            *rows,
            *((f"process {name}", words) for name, words in self.processes.items()),
            ("front door", self.edge),
            *((f"service {name}", ENDED) for name in self.left_behind),
            ("where", f"{self.target}, {self.url}"),
            ("steps", " ".join(self.steps)),
        ]


def plan_deploy(
    target: Target,
    configuration: Configuration,
    info: BuildInfo,
    live: Deployment | None,
    migrations: Sequence[Migration],
    renew_edge: bool,
    source: str = "",
    processes: Sequence[ProcessType] = (),
) -> Plan:
    """What deploying `info` with `configuration` would change; `migrations` are those that the live release lacks.

    `source` is the environment that has published the image, where it is not built for this one.
    """
    now = configuration.told()
    before = live.release if live else None
    added, removed, changed = _difference(before.values if before else {}, now)
    for name in configuration.secret_values():
        if before and name in before.values and target.secret_changed(before, name):
            changed[name] = ("a secret", "another one")
    same = before is not None and before.version == info.version
    return Plan(
        action="deploy",
        target=target.name,
        url=target.url,
        serving=_named(before),
        wanted=f"{info.version} ({info.commit[:12]})",
        artefact=_artefact(same, source),
        added=added,
        removed=removed,
        changed=changed,
        migrations=[migration.name for migration in migrations],
        edge=_edge(target, renew_edge),
        left_behind=target.left_behind(),
        processes=_processes(before, {each.name: each.described() for each in processes}),
        steps=(*(["edge"] if renew_edge else []), *STEPS, *_switch(before, bool(processes))),
    )


def plan_rollback(target: Target, wanted: Release, live: Deployment | None, migrations: Sequence[Migration]) -> Plan:
    """What returning to `wanted` would change; `migrations` are those that it does not know."""
    added, removed, changed = _difference(live.release.values if live else {}, wanted.values)
    return Plan(
        action="rollback",
        target=target.name,
        url=target.url,
        serving=_named(live.release if live else None),
        wanted=_named(wanted),
        artefact=f"{wanted.artefact[:19]}, kept",
        added=added,
        removed=removed,
        changed=changed,
        migrations=[f"{migration.name} stays applied" for migration in migrations],
        irreversible=[migration.name for migration in migrations if migration.irreversible],
        processes=_processes(live.release if live else None, wanted.processes),
        steps=("check", *_switch(live.release if live else None, bool(wanted.processes))),
    )


def _switch(before: Release | None, processes: bool) -> tuple[str, ...]:
    """The steps of a switch; those that run beside the service change hands before the traffic does."""
    beside = ["processes"] if processes or (before and before.processes) else []
    return ("start", "healthy", *beside, "admit", "verify", "drain", "retire", "record")


def _processes(before: Release | None, after: Mapping[str, str]) -> dict[str, str]:
    """What becomes of each process beside the service, in words."""
    former = before.processes if before else {}
    ended = {name: f"{words}: ends" for name, words in former.items() if name not in after}
    changed = {name: f"{former[name]} → {words}" for name, words in after.items() if former.get(name, words) != words}
    return {**after, **changed, **ended}


def _artefact(same: bool, source: str) -> str:
    if source:
        return f"taken from the registry, as {source} has published it"
    return "the same version: built again, and only started where its bytes differ" if same else "to be built"


def _edge(target: Target, renewed: bool) -> str:
    if renewed:
        return RENEWED
    return DIFFERS if target.edge_outdated() else AS_IT_IS


def _difference(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[dict[str, str], list[str], dict[str, Sequence[str]]]:
    added = {name: value for name, value in after.items() if name not in before}
    removed = [name for name in before if name not in after]
    both = [name for name in before if name in after and before[name] != after[name]]
    return added, removed, {name: (before[name], after[name]) for name in both}


def _named(release: Release | None) -> str:
    return f"{release.version} ({release.commit[:12]}), release {release.id}" if release else ""
