"""The table of docs/secrets.md that compares where a value can be found is what these searches find."""

from __future__ import annotations

import io
import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..support.secrets_in_git import keep_in_git
from ..support.service import ROOT, Service, docker
from .test_documentation import table_rows

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.full]
NAME = "AUTH_DEV_KEY"


@dataclass
class Way:
    """A value that is given to a container in one way: where it is, and what there is to search."""

    value: str
    container: str
    image: str
    folders: list[Path]
    file: str
    memory: Path | None = None

    def findings(self) -> list[str]:
        """What each search of the table finds, in its order."""
        found = [
            self.value in docker("inspect", self.container).stdout,
            self._in_processes("environ"),
            self._in_processes("cmdline"),
            self.value.encode()
            in subprocess.run(["docker", "save", self.image], capture_output=True, check=True).stdout,
            self.value in docker("logs", self.container).stdout,
            self._on_disk(),
            self.memory is not None and any(self.value in path.read_text() for path in self.memory.rglob(NAME)),
            self.value in self._as_another_user(),
        ]
        return ["found" if each else "-" for each in found]

    def _in_processes(self, what: str) -> bool:
        for path in Path("/proc").glob(f"[0-9]*/{what}"):
            with suppress(OSError):
                if self.value.encode() in path.read_bytes():
                    return True
        return False

    def _in_layers(self) -> bool:
        saved = subprocess.run(["docker", "save", self.image], capture_output=True, check=True)
        return self.value.encode() in saved.stdout

    def _on_disk(self) -> bool:
        words = ["find", *map(str, self.folders), "-xdev", "-type", "f", "-exec", "grep", "-lF", self.value, "{}", "+"]
        return bool(subprocess.run(words, capture_output=True, check=False).stdout)

    def _as_another_user(self) -> str:
        """What another user of the container reads: the mode and owner of the file say whether that is so."""
        if not self.file:
            return ""
        data = subprocess.run(["docker", "cp", f"{self.container}:{self.file}", "-"], capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(data.stdout)) as archive:
            member = archive.getmembers()[0]
            content = archive.extractfile(member)
            return content.read().decode() if content and member.mode & 0o004 else ""


@pytest.fixture
def image(base_images: dict[str, str]) -> str:
    """One that has a shell."""
    return base_images.get("EDGE_IMAGE", "haproxy:3.2")


@pytest.fixture
def started() -> Iterator[list[str]]:
    """Containers that are removed in the end."""
    names: list[str] = []
    yield names
    docker("rm", "--force", *names)


def environment_file(folder: Path, image: str, started: list[str]) -> Way:
    """As Kamal has it: a file on the host that only its owner reads, and the container's environment."""
    value, file = secrets.token_hex(16), folder / "web.env"
    file.touch(mode=0o600)
    file.write_text(f"{NAME}={value}\n")
    name = f"kamals-way-{value[:6]}"
    started.append(name)
    words = ("run", "--detach", "--name", name, "--env-file", str(file), "--entrypoint", "sleep", image, "600")
    assert docker(*words).returncode == 0
    return Way(value, name, image, [folder], "")


def compose_secret(folder: Path, image: str, started: list[str]) -> Way:
    """As Compose has it: a file on the host that is mounted."""
    value, file = secrets.token_hex(16), folder / "key.txt"
    file.write_text(value)
    name = f"composes-way-{value[:6]}"
    started.append(name)
    document = {
        "services": {
            "app": {"image": image, "entrypoint": ["sleep", "600"], "container_name": name, "secrets": [NAME]}
        },
        "secrets": {NAME: {"file": str(file)}},
    }
    (folder / "compose.json").write_text(json.dumps(document))
    up = ("compose", "--project-name", name, "--file", str(folder / "compose.json"), "up", "--detach")
    assert docker(*up).returncode == 0
    return Way(value, name, image, [folder], f"/run/secrets/{NAME}")


def ours(service: Service) -> Way:
    """As a deploy has it."""
    value = secrets.token_hex(16)
    keep_in_git(service, **{NAME: value})
    service.deploy()
    release = service.status()["release"]["id"]
    name = f"{service.folder.name}-staging"
    container = f"{name}-app-blue-1"
    root = Path(docker("info", "--format", "{{.DockerRootDir}}").stdout.strip())
    disk = [service.folder, service.state, root / "volumes", root / "containers"]
    memory = root / "volumes" / f"{name}_secrets-memory" / "_data"
    image = json.loads(docker("inspect", container).stdout)[0]["Image"]
    return Way(value, container, image, disk, f"/run/secrets/{release}/{NAME}", memory)


def test_the_searches_find_what_the_table_says(
    tmp_path: Path, image: str, started: list[str], make_service: Callable[..., Service]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("the searches are root's")
    folders = [tmp_path / "kamal", tmp_path / "compose"]
    for folder in folders:
        folder.mkdir()
    ways = [
        environment_file(folders[0], image, started),
        compose_secret(folders[1], image, started),
        ours(make_service("docker", database="none", auth="jwt")),
    ]
    text = (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8").partition("## Where a value can be found")[2]
    shown = [row[2:] for row in table_rows(text)[2:]]

    assert [list(row) for row in zip(*(way.findings() for way in ways), strict=True)] == shown
