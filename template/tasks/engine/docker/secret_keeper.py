"""The secrets of releases on an engine: in memory, where containers find them, and on its disk encrypted alone.

What is in memory would be gone whenever no container has it open. So one does all the time: the keeper, a container of
the service's own image. After a restart of the machine it brings back what is on the disk, by an identity that the host
has made for itself; a host that is to have none waits for whoever deploys.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..build.image import path_in_image
from ..config.age import find_identities
from ..config.settings import Environment
from ..core.errors import DeployFault
from ..core.waiting import wait_until
from ..deploy.kept_secrets import seal, unseal
from .compose import KEEPER, MEMORY, PASSWORDS, ComposeProject
from .engine import PROJECT_LABEL, SERVICE_LABEL, Engine, Entry
from .kept_releases import SECRETS
from .volumes import opened

if TYPE_CHECKING:
    from docker.models.containers import Container

DISK = "secrets-kept"
"""The volume with what is encrypted, and with the identity by which the keeper opens it."""
FOLDER, RELEASES, IDENTITY = "/var/lib/secrets", "releases", "identity"
DATABASE_FOLDER, DATABASE = "/run/database", "database"
WITHOUT = "copier-gin.without-identity"
MEMORY_OPTIONS = {"type": "tmpfs", "device": "tmpfs", "o": "size=16m,mode=0755,nosuid,nodev,noexec"}
"""For the engine's own driver of volumes: mount(8) of a file system in memory."""
HELD = "secrets are held"
"""What the keeper logs once it has brought back what it can."""
START_SECONDS = 20
OWNER = 65532
"""Whom the image runs as where it does not say so by a number: the user of the template's Dockerfile."""


@dataclass(frozen=True)
class SecretKeeper:
    """The keeper of one environment on one engine."""

    engine: Engine
    project: ComposeProject

    @property
    def runs(self) -> bool:
        """Whether it holds what is in memory."""
        container = self._container()
        return container is not None and container.status == "running"

    def start(self, image: str) -> None:
        """Have it run, by an image of the service; one that runs stays, unless the host is to have another identity."""
        container = self._container()
        if container is None or container.status != "running" or container.labels.get(WITHOUT, "") != self._without:
            self.renew(image)

    def renew(self, image: str) -> None:
        """Make it anew, and wait until it has brought back what it can.

        What is in memory stays there meanwhile where the service runs.
        """
        if not image:
            raise self._missing()
        if (container := self._container()) is not None:
            container.remove(force=True)
        made = self._make(image)
        made.start()

        def held() -> bool:
            return HELD in made.logs().decode(errors="replace")

        if not wait_until(held, START_SECONDS, 0.02):
            said = made.logs(tail=5).decode(errors="replace").splitlines()
            raise DeployFault("the keeper of secrets does not start", where=self.project.name, details=said)

    def keep(self, release: str, secrets: Mapping[str, str]) -> None:
        """Keep the secrets of a release: in memory, and on the disk for the host and the environment's recipients."""
        self._encrypt(release, secrets)
        self._deliver(release, secrets)

    def require(self, release: str) -> None:
        """Have the secrets of a kept release in memory; where they are not, whoever deploys has to open them.

        UsageFault where none of the identities at hand can, and DeployFault where nothing is kept.
        """
        if not self._in_memory(release):
            self._deliver(release, self._opened(release))

    def secrets(self, release: str) -> dict[str, str]:
        """The secrets of a kept release, from memory or by an identity at hand."""
        return self._in_memory(release) or self._opened(release)

    def keep_password(self, name: str, password: str) -> None:
        """Keep what the stack's own database is started with, readable by its user, which is another one."""
        self._encrypt(DATABASE, {name: password})
        self.engine.put_entries(self._required(), DATABASE_FOLDER, [Entry(name, password.encode(), 0o444)])

    def keep_for_development(self, name: str, password: str) -> None:
        """Do the same in development, where the password stands in a file in git, and nothing may be deployed yet."""
        self._make_volume(PASSWORDS, {})
        with opened(self.engine, self._volume(PASSWORDS), DATABASE_FOLDER, self._labels) as way:
            self.engine.put_entries(way, DATABASE_FOLDER, [Entry(name, password.encode(), 0o444)])

    def has_password(self) -> bool:
        """Whether what the database is started with is in memory."""
        return bool(self.engine.read_files(self._required(), DATABASE_FOLDER))

    def retain(self, releases: Collection[str], image: str) -> None:
        """Forget the secrets of all releases but these, and run by an image that stays."""
        service, container = self.project.settings.service, self._required()
        self.engine.execute(container, [path_in_image(service, service), "retain-secrets", *sorted(releases)])
        if image and container.attrs["Image"] != image:
            self.renew(image)

    def _in_memory(self, release: str) -> dict[str, str]:
        files = self.engine.read_files(self._required(), SECRETS).items()
        return {path.partition("/")[2]: data.decode() for path, data in files if path.startswith(f"{release}/")}

    def _opened(self, release: str) -> dict[str, str]:
        name = f"{release}.age"
        kept = self.engine.read_files(self._required(), f"{FOLDER}/{RELEASES}")
        if name not in kept:
            what = f"the secrets of {release} are neither in the host's memory nor on its disk"
            raise DeployFault(what, remedy=f"deploy --env={self._environment.name} brings new ones")
        return unseal(kept[name], f"{name} on the host", find_identities())

    def _deliver(self, release: str, secrets: Mapping[str, str]) -> None:
        container = self._required()
        owner = self._owner(container.attrs["Image"])
        folder = Entry(release, None, 0o500, owner)
        files = [Entry(f"{release}/{name}", text.encode(), 0o400, owner) for name, text in secrets.items()]
        self.engine.put_entries(container, SECRETS, [folder, *files])

    def _encrypt(self, name: str, secrets: Mapping[str, str]) -> None:
        """Put secrets on the disk for those who may open them; without anybody, nothing is put there."""
        container, host = self._required(), list[str]()
        if self._environment.host_identity:
            host += self.engine.get_files(container, f"{FOLDER}/{IDENTITY}/recipient.txt").values()
        sealed = seal(self.project.root, self._environment.name, map(str.strip, host), secrets)
        if sealed:
            entry = Entry(f"{name}.age", sealed, 0o400, self._owner(container.attrs["Image"]))
            self.engine.put_entries(container, f"{FOLDER}/{RELEASES}", [entry])

    def _make(self, image: str) -> Container:
        """Make its container, which no Compose file has: with its volumes, and the folders of its disk."""
        from docker.types import Mount

        mounts = {MEMORY: SECRETS, PASSWORDS: DATABASE_FOLDER, DISK: FOLDER}
        owner, with_identity = self._owner(image), self._environment.host_identity
        in_memory = MEMORY_OPTIONS | {"o": f"{MEMORY_OPTIONS['o']},uid={owner},gid={owner}"}
        for name in mounts:
            self._make_volume(name, {} if name == DISK else in_memory)
        own = {SERVICE_LABEL: KEEPER, "com.docker.compose.oneoff": "False", WITHOUT: self._without}
        policy: Any = {"Name": "unless-stopped"}
        made = self.engine.client.containers.create(
            image,
            ["hold-secrets"],
            name=f"{self.project.name}-{KEEPER}",
            environment={"HOST_IDENTITY": "true" if with_identity else "false"},
            labels={**self._labels, **own},
            mounts=[Mount(path, self._volume(name), type="volume", no_copy=True) for name, path in mounts.items()],
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            restart_policy=policy,
            healthcheck={"test": ["NONE"]},
            mem_limit="64m",
            pids_limit=64,
        )
        names = (RELEASES, IDENTITY) if with_identity else (RELEASES,)
        self.engine.put_entries(made, FOLDER, [Entry(name, None, 0o700, owner) for name in names])
        return made

    def _make_volume(self, name: str, options: Mapping[str, str]) -> None:
        # Where there is one of this name, the engine gives that, and refuses other options than it has.
        if not self.engine.volume_exists(self._volume(name)):
            self.engine.client.volumes.create(self._volume(name), driver_opts=dict(options), labels=self._labels)

    def _owner(self, image: str) -> int:
        """The number of the user whom an image runs as."""
        user = str(self.engine.client.images.get(image).attrs["Config"].get("User") or "0").partition(":")[0]
        return int(user) if user.isdigit() else OWNER

    def _volume(self, name: str) -> str:
        return f"{self.project.name}_{name}"

    @property
    def _labels(self) -> dict[str, str]:
        return {**self.project.labels(), PROJECT_LABEL: self.project.name}

    @property
    def _environment(self) -> Environment:
        return self.project.configuration.environment

    @property
    def _without(self) -> str:
        return "" if self._environment.host_identity else "true"

    def _container(self) -> Container | None:
        return self.engine.find(self.project.name, KEEPER)

    def _required(self) -> Container:
        container = self._container()
        if container is None or container.status != "running":
            raise self._missing()
        return container

    def _missing(self) -> DeployFault:
        remedy = f"deploy --env={self._environment.name} makes it"
        return DeployFault("the keeper of secrets does not run", where=self.project.name, remedy=remedy)
