"""A Docker engine through its API: containers, events, files, commands."""

from __future__ import annotations

import io
import os
import re
import socket
import tarfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..core.errors import DeployFault, MissingFault
from .endpoint import Endpoint, default_endpoint

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
EMPTY_IMAGE = "copier-gin-empty"
EMPTY_ARCHIVE = bytes(1024)
EXEC_SECONDS = 30
"""For a command in a container: they are all short."""
START_DOCKER = "start Docker, or set DOCKER_HOST or docker context; doctor checks the rest"


@dataclass(frozen=True)
class Entry:
    """A file that is written into a container, or a folder where it has no `data`; `owner` is a user's number."""

    path: str
    data: bytes | None
    mode: int
    owner: int = 0


class Engine:
    """One engine, at `endpoint`, by default the one that the docker command uses.

    It is connected to when it is first asked, so that a compiler can begin before; MissingFault where none answers.
    """

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        self._platform = ""
        self.endpoint = endpoint or default_endpoint()

    @cached_property
    def client(self) -> DockerClient:
        """The connection to it."""
        from requests.exceptions import RequestException

        import docker
        from docker.errors import DockerException

        certificates = self.endpoint.certificates
        try:
            tls = certificates.config() if certificates else False
            client = docker.DockerClient(self.endpoint.host, version="1.44", timeout=120, tls=tls)
            # Else REQUESTS_CA_BUNDLE in the shell takes the place of the engine's own authority.
            client.api.trust_env = certificates is None
            client.ping()
        except (DockerException, RequestException) as error:
            raise _no_answer(self.endpoint, error) from error
        return client

    def connected(self) -> Engine:
        """The engine, when it has answered."""
        self.client.ping()
        return self

    def version(self) -> str:
        """The engine's release."""
        return str(self.client.version()["Version"])

    def platform(self) -> str:
        """The engine's own platform, such as linux/amd64."""
        self._platform = self._platform or "{Os}/{Arch}".format(**self.client.version())
        return self._platform

    def now(self) -> float:
        """The engine's clock, in seconds since 1970."""
        return engine_seconds(str(self.client.info()["SystemTime"]))

    def find_all(self, project: str, service: str = "") -> list[Container]:
        """All containers of a compose project, or of one of its services, running or not."""
        labels = [f"{PROJECT_LABEL}={project}"]
        labels += [f"{SERVICE_LABEL}={service}", "com.docker.compose.oneoff=False"] if service else []
        found: list[Container] = self.client.containers.list(all=True, filters={"label": labels})
        return found

    def find(self, project: str, service: str) -> Container | None:
        """The newest container of a compose service, running or not.

        One that was never started counts last: a deployer that came too late may have left it behind.
        """
        found = self.find_all(project, service)
        return max(found, key=lambda each: (each.status != "created", each.attrs["Created"]), default=None)

    def volume_exists(self, name: str) -> bool:
        """Whether the engine has a volume of exactly this name."""
        volumes = self.client.volumes.list(filters={"name": name})
        return any(volume.name == name for volume in volumes)

    def volumes(self, project: str) -> list[str]:
        """The volumes of a compose project."""
        found = self.client.volumes.list(filters={"label": f"{PROJECT_LABEL}={project}"})
        return [str(volume.name) for volume in found]

    def networks(self, project: str) -> list[str]:
        """The ids of a compose project's networks."""
        found = self.client.networks.list(filters={"label": f"{PROJECT_LABEL}={project}"})
        return [str(network.id) for network in found]

    def image_exists(self, name: str) -> bool:
        """Whether an image is on the engine, so that nothing needs to be pulled."""
        from docker.errors import ImageNotFound

        try:
            self.client.images.get(name)
        except ImageNotFound:
            return False
        return True

    def image_id(self, name: str) -> str:
        """The id that the engine knows an image by."""
        return str(self.client.images.get(name).id)

    def empty_image(self) -> str:
        """The name of an image without any file, for containers that are never started; made where it is not there."""
        if not self.image_exists(EMPTY_IMAGE):
            self.client.api.import_image_from_data(EMPTY_ARCHIVE, repository=EMPTY_IMAGE, tag="latest")
        return EMPTY_IMAGE

    def images(self, labels: Mapping[str, str]) -> dict[str, list[str]]:
        """The names of all images with these labels by id; where one has none, the id is its only name."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        found = self.client.images.list(filters={"label": wanted})
        return {str(each.id): each.tags or [str(each.id)] for each in found}

    def remove_images(self, names: Collection[str]) -> None:
        """Remove images; one that a container uses stays."""
        from docker.errors import APIError

        for name in names:
            with suppress(APIError):
                self.client.images.remove(name)

    def execute(self, container: Container, argv: Sequence[str]) -> str:
        """What a command in a container says; DeployFault where it fails."""
        api = self.client.api
        number = api.exec_create(container.id, list(argv))["Id"]
        url = f"{api.base_url}/v{api.api_version}/exec/{number}/start"
        # The library's own call loses output that arrives together with the answer's headers, as it does through ssh.
        with api.post(url, json={"Detach": False, "Tty": False}, stream=True, timeout=EXEC_SECONDS) as answer:
            text = _frames(answer.raw.read()).decode(errors="replace")
        status = api.exec_inspect(number)["ExitCode"]
        if status != 0:
            raise DeployFault(f"a command in {container.name} failed", details=[" ".join(argv), text.strip()])
        return text

    def talk_to(self, container: Container, argv: Sequence[str]) -> socket.socket:
        """Start a command in a container; its standard input and, in frames, its output. It ends with the socket."""
        api = self.client.api
        number = api.exec_create(container.id, list(argv), stdin=True)["Id"]
        way: Any = api.exec_start(number, socket=True)
        # Of most transports it is a file over the socket.
        talk: socket.socket = getattr(way, "_sock", way)
        return talk

    def put_file(self, container: Container, folder: str, name: str, content: str) -> None:
        """Write a file into a container's volume, as a whole."""
        self.put_files(container, folder, {name: content.encode()}, 0o600)

    def put_files(self, container: Container, folder: str, files: Mapping[str, bytes], mode: int) -> None:
        """Write files into a container's folder, by their paths in it; the container runs or not."""
        self.put_entries(container, folder, [Entry(name, data, mode) for name, data in files.items()])

    def put_entries(self, container: Container, folder: str, entries: Iterable[Entry]) -> None:
        """Write files and folders, each with its owner, into a container's folder."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for each in entries:
                member = tarfile.TarInfo(each.path)
                member.mode, member.mtime = each.mode, int(time.time())
                member.uid = member.gid = each.owner
                if each.data is None:
                    member.type = tarfile.DIRTYPE
                else:
                    member.size = len(each.data)
                archive.addfile(member, io.BytesIO(each.data or b""))
        container.put_archive(folder, buffer.getvalue())

    def get_files(self, container: Container, folder: str) -> dict[str, str]:
        """The texts right in a folder of a container, or the one file that it is, by name."""
        files = self.read_files(container, folder).items()
        return {name: data.decode(errors="replace") for name, data in files if "/" not in name}

    def read_files(self, container: Container, folder: str) -> dict[str, bytes]:
        """All plain files of a folder in a container by their paths in it, or the one file that it is by its name."""
        chunks, _ = container.get_archive(folder)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            return dict(_contents(archive))


def _no_answer(endpoint: Endpoint, error: Exception) -> MissingFault:
    """Why an engine cannot be asked: the user may not, or it is not there."""
    socket = Path(urlsplit(endpoint.host).path)
    if endpoint.local and socket.exists() and not os.access(socket, os.R_OK | os.W_OK):
        group = _group_of(socket)
        return MissingFault(
            f"this user may not use the Docker engine: its socket is for the group {group}",
            where=str(socket),
            remedy=f"sudo usermod --append --groups {group} $USER, then log in again; or use a rootless engine",
        )
    where = endpoint.place or endpoint.host
    return MissingFault("no Docker engine answers", where=where, details=[str(error)], remedy=START_DOCKER)


def _group_of(path: Path) -> str:
    try:
        return path.group()
    except KeyError:
        return str(path.stat().st_gid)


def engine_seconds(text: str) -> float:
    """Seconds since 1970 of a time as the engine writes it: RFC 3339, with up to nine digits of a second."""
    shortened = re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00")
    padded = re.sub(r"\.(\d+)", lambda match: "." + match[1].ljust(6, "0"), shortened)
    return datetime.fromisoformat(padded).timestamp()


def _frames(data: bytes) -> bytes:
    """The content of an engine's multiplexed stream: frames of an 8-byte header, whose last four are the length."""
    content, at = b"", 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "big")
        content += data[at + 8 : at + 8 + length]
        at += 8 + length
    return content


def _contents(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Each plain file, by its path without the folder that an archive of the engine begins with."""
    for member in archive.getmembers():
        file = archive.extractfile(member) if member.isfile() else None
        if file:
            yield member.name.partition("/")[2] or member.name, file.read()
