"""Docker Compose command lines, and what the tasks add to `docker-compose.yml`: values, secrets, image, labels.

The additions are written as JSON, which is YAML too, next to the other state; secrets stand there as file names only.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .configuration import GENERATED, Configuration
from .paths import private_folder, write_private
from .releases import Release
from .runner import clean_environment
from .settings import Settings

BASE_FILE = "docker-compose.yml"
OVERRIDE_FILE = "docker-compose.override.yml"
DATABASE_PORT = 5432


@dataclass(frozen=True)
class ComposeProject:
    """The compose project of one environment. `state` is its folder outside the checkout."""

    root: Path
    state: Path
    settings: Settings
    configuration: Configuration

    @property
    def name(self) -> str:
        """The compose project's name: two environments of a service are two projects."""
        return f"{self.settings.service}-{self.configuration.environment.name}"

    @property
    def services(self) -> list[str]:
        """The services beside the slots, in the order in which they start."""
        return ["edge", "database"] if self.settings.database == "postgres" else ["edge"]

    def argv(self, *arguments: str, slot: str = "") -> list[str]:
        """A compose command line; with `slot`, that slot's image and values are part of it."""
        files = [self.root / BASE_FILE, self.root / OVERRIDE_FILE, self._stack_file()]
        if slot:
            files.append(self.slot_file(slot))
        argv = ["docker", "compose", "--project-name", self.name, "--project-directory", str(self.root)]
        argv += ["--env-file", str(self._empty_file())]
        for file in files:
            if file.name != OVERRIDE_FILE or file.exists():
                argv += ["--file", str(file)]
        return [*argv, *arguments]

    def env(self) -> dict[str, str]:
        """The whole environment of a compose command: nothing in it is secret."""
        return clean_environment(
            {
                **self.configuration.stack_values(),
                "APP_ENV_FILE": str(self._empty_file()),
                "POSTGRES_PASSWORD": "",
                "COMPOSE_IGNORE_ORPHANS": "true",
            }
        )

    def write_stack(self) -> None:
        """Write what the edge and the database get."""
        write_private(self._empty_file(), "")
        if self.settings.database == "postgres":
            secret = self.configuration.secret_values().get(GENERATED, "")
            if secret or not self._database_secret().exists():
                write_private(self._database_secret(), secret, mode=0o444)
        write_private(self._stack_file(), _json(self._stack_document()))

    def keep_release(self, release: Release) -> None:
        """Keep what a release gets, so that it can be started again as it was; secrets go into files of their own."""
        folder = self.secrets_folder(release.id)
        for name, value in self.configuration.secret_values().items():
            write_private(folder / name, value, mode=0o444)
        write_private(self._release_file(release.id), _json(self._service_document(release)))

    def keeps(self, release: str) -> bool:
        """Whether a release can be started again as far as its values are concerned."""
        return self._release_file(release).exists()

    def forget_all_but(self, releases: Iterable[str]) -> None:
        """Delete the values of all releases but some."""
        kept = set(releases)
        for path in (self.state / "releases").glob("*.json"):
            if path.stem not in kept:
                shutil.rmtree(self.secrets_folder(path.stem), ignore_errors=True)
                path.unlink()

    def write_slot(self, slot: str, release: str) -> None:
        """Write the additions with which a kept release runs in a slot; its migration gets the same."""
        service = json.loads(self._release_file(release).read_text(encoding="utf-8"))
        labels = {**self.labels(), "copier-gin.release": release, "copier-gin.slot": slot}
        services = {f"app-{slot}": {**service, "labels": labels}}
        if self.settings.database != "none":
            services["migrate"] = service
        folder = self.secrets_folder(release)
        files = {name: {"file": _literal(str(folder / name))} for name in service["secrets"]}
        write_private(self.slot_file(slot), _json({"services": services, "secrets": files}))

    def secrets_folder(self, release: str) -> Path:
        """The folder of a release's secrets: readable by its owner alone, mounted file by file into containers."""
        return private_folder(self.state / "secrets") / release

    def slot_file(self, slot: str) -> Path:
        """The file with a slot's additions."""
        return self.state / f"slot-{slot}.json"

    def fingerprint(self) -> str:
        """A hash of all that makes a release beside its image: values and compose files."""
        digest = hashlib.sha256(self.configuration.fingerprint().encode())
        for name in (BASE_FILE, OVERRIDE_FILE):
            path = self.root / name
            digest.update(path.read_bytes() if path.exists() else b"")
        return digest.hexdigest()[:16]

    def _stack_file(self) -> Path:
        return self.state / "stack.json"

    def _release_file(self, release: str) -> Path:
        return self.state / "releases" / f"{release}.json"

    def _empty_file(self) -> Path:
        return self.state / "empty.env"

    def _database_secret(self) -> Path:
        return self.state / "secrets" / "database"

    def _stack_document(self) -> dict[str, Any]:
        labels = self.labels()
        document: dict[str, Any] = {"services": {"edge": {"labels": labels}}}
        if self.settings.database == "postgres":
            document["services"]["database"] = {
                "labels": labels,
                "environment": {"POSTGRES_PASSWORD_FILE": "/run/secrets/database"},
                "secrets": ["database"],
            }
            document["secrets"] = {"database": {"file": _literal(str(self._database_secret()))}}
            if self.configuration.environment.development:
                document["services"]["database"]["ports"] = [f"127.0.0.1::{DATABASE_PORT}"]
        return document

    def _service_document(self, release: Release) -> dict[str, Any]:
        secrets = sorted(self.configuration.secret_values())
        return {
            "image": _literal(release.artefact),
            "environment": {
                **{name: _literal(value) for name, value in self._plain_values().items()},
                **{f"{name}_FILE": f"/run/secrets/{name}" for name in secrets},
            },
            "secrets": secrets,
        }

    def _plain_values(self) -> Mapping[str, str]:
        """The service's values but for the ports, which are the stack's choice inside a container."""
        values = self.configuration.service_values()
        return {name: value for name, value in values.items() if name not in ("HTTP_PORT", "ADMIN_PORT", "LISTEN_HOST")}

    def labels(self) -> dict[str, str]:
        """The labels of everything that belongs to this environment."""
        return {"copier-gin.service": self.settings.service, "copier-gin.env": self.configuration.environment.name}


def _literal(text: str) -> str:
    """`text` as Compose must see it to leave it alone: a dollar sign starts a variable there."""
    return text.replace("$", "$$")


def _json(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"
