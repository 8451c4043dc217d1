"""Docker Compose command lines, and what the tasks add to `docker-compose.yml`: values, secrets, image, labels.

The additions are written as JSON, which is YAML too, into the state folder; of secrets only names stand there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..build.image import path_in_image
from ..config import process_types
from ..config.configuration import GENERATED, Configuration
from ..config.process_types import ProcessType, kept_types
from ..config.settings import BackingService, Settings
from ..core.errors import UsageFault
from ..core.paths import write_private
from ..core.runner import clean_environment
from ..core.slots import SLOTS
from ..deploy import overrides
from ..edge.definition import EDGE, edge_fingerprint
from .endpoint import Endpoint
from .kept_releases import IN_MEMORY, OWN_FOLDER, RELEASE, SECRETS, in_memory, own_folder

BASE_FILE = "docker-compose.yml"
OVERRIDE_FILE = "docker-compose.override.yml"
OVERRIDE_FILES = ("compose.override.yml", "compose.override.yaml", OVERRIDE_FILE, "docker-compose.override.yaml")
"""Those that Compose looks for, in this order (Compose's documentation, "Merge Compose files")."""
SLOT = "copier-gin.slot"
PROCESS = "copier-gin.process"
"""The label that names the type of a process beside the service."""
PROCESSES = "processes"
"""The part of a kept release's document that has the types of its processes."""
KEPT_FILES = 20
"""More than any command that is under way can still be reading."""
MEMORY, PASSWORDS, KEEPER = "secrets-memory", "database-memory", "secret-keeper"
"""The volumes that hold the secrets of the service and of its own database in memory, and who holds these."""


@dataclass(frozen=True)
class ComposeProject:
    """The compose project of one environment on the engine at `endpoint`; `state` is its folder elsewhere."""

    root: Path
    state: Path
    settings: Settings
    configuration: Configuration
    endpoint: Endpoint

    @property
    def name(self) -> str:
        """The compose project's name: two environments of a service are two projects."""
        return f"{self.settings.service}-{self.configuration.environment.name}"

    @property
    def services(self) -> list[str]:
        """The services beside the slots, in the order in which they start."""
        return ["edge", *(each.name for each in self.own)]

    @property
    def own(self) -> list[BackingService]:
        """The database and the cache that are the stack's own: a URL may name one elsewhere."""
        return [each for each in self.settings.backing if self._host_of(each) == each.name]

    @property
    def own_database(self) -> bool:
        """Whether the stack's own database is used."""
        return self.settings.server in self.own

    @property
    def template_services(self) -> set[str]:
        """The services that are the template's, whether they are used or not: all others are the user's."""
        services = {"edge", "migrate", KEEPER, *(f"app-{slot}" for slot in SLOTS)}
        return services | {each.name for each in self.settings.backing}

    @property
    def files(self) -> list[Path]:
        """The compose file, and the user's override where there is one.

        UsageFault where there are several: plain Compose would read only one of them.
        """
        found = [self.root / name for name in OVERRIDE_FILES if (self.root / name).exists()]
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise UsageFault(f"{names} are both there, and Compose reads one", remedy=f"put all into {found[0].name}")
        return [self.root / BASE_FILE, *found]

    def listing(self, *options: str) -> list[str]:
        """The command that names all services of the files; without `options`, none of those behind a profile."""
        named = [word for file in self.files for word in ("--file", str(file))]
        return ["docker", "compose", "--env-file", os.devnull, *named, *options, "config", "--services"]

    def argv(self, *arguments: str, slot_file: Path | None = None) -> list[str]:
        """A compose command line; with `slot_file`, a slot's image and values are part of it."""
        files = [*self.files, self._stack_file()]
        files += [slot_file] if slot_file else []
        argv = ["docker", "compose", "--project-name", self.name, "--project-directory", str(self.root)]
        argv += ["--env-file", str(self._empty_file())]
        argv += [word for file in files for word in ("--file", str(file))]
        return [*argv, *arguments]

    def env(self) -> dict[str, str]:
        """The whole environment of a compose command: nothing in it is secret."""
        return clean_environment(
            {
                **self.configuration.stack_values(),
                "APP_ENV_FILE": str(self._empty_file()),
                **dict.fromkeys(self._passwords(), ""),
                "COMPOSE_IGNORE_ORPHANS": "true",
                **self.endpoint.variables,
            }
        )

    def write_stack(self) -> Path:
        """Write what the edge and the database get; gives the file."""
        write_private(self._empty_file(), "")
        self._write(self._stack_file(), self._stack_document())
        return self._stack_file()

    def write_slot(self, slot: str, release: str, volume: str, service: Mapping[str, Any]) -> Path:
        """Write the additions with which a kept release runs in a slot, and its migration with the same.

        `service` is the release's document, `volume` its own volume. Gives the file. What the release runs beside the
        service is part of the same slot.
        """
        with_secrets = in_memory(service)
        known = {name: value for name, value in service.items() if name not in (PROCESSES, IN_MEMORY)}
        volumes = [_read_only("release", own_folder(service)), *([_read_only(MEMORY, SECRETS)] if with_secrets else [])]
        mounted = {**known, "volumes": volumes}
        labels = {**self.labels(), RELEASE: release, SLOT: slot}
        # The tasks let it come back with the engine once it serves.
        services = {f"app-{slot}": {**mounted, "labels": labels, "restart": "no"}}
        for each in kept_types(service):
            services[service_name(each.name, slot)] = {**mounted, "restart": "no", **self._process(each, labels)}
        if self.settings.database != "none":
            services["migrate"] = mounted
        names = {"release": volume, **({MEMORY: f"{self.name}_{MEMORY}"} if with_secrets else {})}
        document = {"services": services, "volumes": _external(names)}
        path = self._file_of(f"slot-{slot}", document)
        self._write(path, document)
        return path

    def fingerprint(self) -> str:
        """A hash of all that makes a release beside its image: values and compose files."""
        own = f"{self.configuration.fingerprint()}{process_types.fingerprint(self.settings.processes)}"
        digest = hashlib.sha256(own.encode())
        for path in self.files:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    @cached_property
    def edge_fingerprint(self) -> str:
        """A hash of all that makes the front door; worked out once, as every compose command's file holds it."""
        return edge_fingerprint(self.root / "edge", self.files, self.configuration.stack_values())

    def _stack_file(self) -> Path:
        return self._file_of("stack", self._stack_document())

    def _file_of(self, name: str, document: Any) -> Path:
        """A file that holds one document for ever, so that nobody changes it under a command that reads it."""
        return self.state / "compose" / f"{name}-{hashlib.sha256(_json(document).encode()).hexdigest()[:16]}.json"

    def _write(self, path: Path, document: Any) -> None:
        write_private(path, _json(document))
        for old in sorted(path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)[:-KEPT_FILES]:
            old.unlink(missing_ok=True)

    def _empty_file(self) -> Path:
        return self.state / "empty.env"

    def _stack_document(self) -> dict[str, Any]:
        labels = self.labels()
        edge = {**labels, EDGE: self.edge_fingerprint}
        services: dict[str, dict[str, Any]] = {"edge": {"labels": edge}}
        for each in self.own:
            services[each.name] = {"labels": labels}
            if self.configuration.environment.development:
                services[each.name]["ports"] = [f"127.0.0.1::{each.port}"]
        if not self.own_database:
            return {"services": services}
        services["database"] |= {
            "environment": {f"{name}_FILE": f"{SECRETS}/{GENERATED}" for name in self._passwords()},
            "volumes": [f"{PASSWORDS}:{SECRETS}:ro"],
        }
        return {"services": services, "volumes": _external({PASSWORDS: f"{self.name}_{PASSWORDS}"})}

    def write_names(self, services: Iterable[str]) -> Path:
        """Write a file by which Compose knows services that are in none of the user's; gives the file."""
        document = {"services": {name: {"image": self.settings.service} for name in sorted(services)}}
        path = self._file_of("names", document)
        self._write(path, document)
        return path

    def service_document(self, image: str, release: str) -> dict[str, Any]:
        """What Compose is told of a release beside its place: image, values, and the names of its secrets' files.

        Beside that, what the release runs beside the service.
        """
        types = [each.document() for each in self.settings.processes]
        folder, secrets = f"{SECRETS}/{release}", sorted(self.configuration.secret_values())
        return {
            "image": image,
            "pull_policy": "never",
            IN_MEMORY: True,
            "environment": {
                **overrides.variables(OWN_FOLDER, self.settings),
                **{name: _literal(value) for name, value in self.configuration.service_values().items()},
                **{f"{name}_FILE": f"{folder}/{name}" for name in secrets},
            },
            **({PROCESSES: types} if types else {}),
        }

    def _process(self, wanted: ProcessType, labels: Mapping[str, str]) -> dict[str, Any]:
        """What a process has otherwise than the service, which it is a part of."""
        program, *words = wanted.argv(self.settings.service, self._path_of)
        probe = {} if wanted.probed else {"healthcheck": {"disable": True}}
        return {
            "extends": {"file": str(self.root / BASE_FILE), "service": f"app-{SLOTS[0]}"},
            "entrypoint": [program],
            "command": [_literal(word) for word in words],
            "deploy": {"replicas": wanted.replicas},
            "labels": {**labels, PROCESS: wanted.name},
            **probe,
        }

    def _path_of(self, program: str) -> str:
        return path_in_image(program, self.settings.service)

    def _passwords(self) -> tuple[str, ...]:
        return self.settings.server.passwords if self.settings.server else ()

    def _host_of(self, backing: BackingService) -> str | None:
        known = backing.variable in self.configuration.schema.variables
        return urlsplit(self.configuration[backing.variable]).hostname if known else backing.name

    def labels(self) -> dict[str, str]:
        """The labels of everything that belongs to this environment."""
        return {"copier-gin.service": self.settings.service, "copier-gin.env": self.configuration.environment.name}


def service_name(process: str, slot: str) -> str:
    """What the stack's service of a process in a slot is called."""
    return f"{process}-{slot}"


def _read_only(source: str, target: str) -> dict[str, Any]:
    return {"type": "volume", "source": source, "target": target, "read_only": True, "volume": {"nocopy": True}}


def _external(names: Mapping[str, str]) -> dict[str, Any]:
    """Volumes that the tasks make, not Compose, by what services call them."""
    return {name: {"name": volume, "external": True} for name, volume in names.items()}


def _literal(text: str) -> str:
    """`text` as Compose must see it to leave it alone: a dollar sign starts a variable there."""
    return text.replace("$", "$$")


def _json(document: Any) -> str:
    """JSON that is YAML, too: what YAML may not hold is escaped, and nothing else, as it knows no surrogate pairs."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return re.sub(r"[\x7f-\uffff]", lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"
