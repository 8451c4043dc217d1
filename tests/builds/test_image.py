"""The image: the same from the host's Go and from Docker's, on every runtime, with nothing in it that is not due."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from maintain.stand_ins import runtimes_present

from ..support.service import Service, docker
from ..support.waiting import until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return make_service("docker", database="none")


def without_go(tmp_path: Path) -> dict[str, str]:
    """An environment in which every command but Go is there."""
    for name in ("docker", "git", "bash", "sh"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def build_image(service: Service, *words: str) -> str:
    """Build the image of staging and give its name."""
    done = service.invoke("image", "--env=staging", *words, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()[-1]


def content(image: str, path: str) -> bytes:
    """A file of an image."""
    name = docker("create", image).stdout.strip()
    data = subprocess.run(["docker", "cp", f"{name}:{path}", "-"], capture_output=True, check=True).stdout
    docker("rm", name)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        assert file
        return file.read()


@pytest.mark.slow
def test_without_go_the_image_is_built_inside_docker_with_the_same_binary(service: Service, tmp_path: Path) -> None:
    from_host = content(build_image(service), "/app")
    service.env.update(without_go(tmp_path))
    try:
        from_docker = content(build_image(service), "/app")
    finally:
        service.env.clear()

    assert hashlib.sha256(from_docker).hexdigest() == hashlib.sha256(from_host).hexdigest()


@pytest.mark.parametrize("runtime", ["alpine", "distroless"])
def test_a_runtime_can_be_chosen_for_one_image(service: Service, runtime: str) -> None:
    stand_in = runtimes_present().get(runtime)
    if stand_in is None:
        pytest.skip(f"there is no stand-in for {runtime}")
    official = {"alpine": "alpine:3.22", "distroless": "gcr.io/distroless/static-debian12:nonroot"}[runtime]
    if docker("image", "inspect", official).returncode:
        docker("tag", stand_in, official)

    image = build_image(service, f"--runtime={runtime}")

    inspected = json.loads(docker("image", "inspect", image).stdout)[0]
    assert inspected["Config"]["User"] == "65532:65532"
    reported = docker("run", "--rm", "--read-only", image, "version")
    assert json.loads(reported.stdout)["service"] == service.folder.name, reported.stderr


def test_an_unknown_runtime_is_refused_with_the_nearest_name(service: Service) -> None:
    done = service.invoke("image", "--env=staging", "--runtime=alpin")

    assert done.returncode == 2
    assert 'did you mean "alpine"?' in done.stderr


def test_the_labels_of_the_image_are_filled(service: Service) -> None:
    labels = json.loads(docker("image", "inspect", build_image(service)).stdout)[0]["Config"]["Labels"]

    for name in ("title", "description", "authors", "licenses", "version", "revision", "created"):
        assert labels[f"org.opencontainers.image.{name}"], name
    assert labels["copier-gin.service"] == service.folder.name
    assert labels["copier-gin.env"] == "staging"


@pytest.mark.slow
def test_secrets_history_and_other_builds_stay_out_of_the_build_context(service: Service, tmp_path: Path) -> None:
    for path in (".env.prod.local", "secrets/key", "dist/other", "deep/.env.local"):
        (service.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (service.folder / path).write_text("a secret\n")
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")

    subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--output", str(tmp_path / "out"), "--file", str(dockerfile), "."],
        cwd=service.folder,
        check=True,
        capture_output=True,
    )

    sent = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert "go.mod" in sent
    assert not [path for path in sent if ".env" in path or path.startswith((".git/", "dist/", "secrets/"))]


def test_plain_compose_brings_the_service_up_without_any_task(
    make_service: Callable[..., Service], base_images: dict[str, str]
) -> None:
    service = make_service("docker")
    env = {**os.environ, **base_images, "EDGE_PORT": str(service.port), "COMPOSE_PROJECT_NAME": service.folder.name}
    command = ["docker", "compose", "--progress", "quiet"]
    try:
        up = subprocess.run(
            [*command, "up", "--build", "--detach", "--wait"],
            cwd=service.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        # The front door answers as soon as it runs, and knows a moment later that a slot is well.
        until(lambda: service.get("/readyz").status == 200, up.stderr)
        created = service.post("/v1/orders", {"sku": "A-1", "quantity": 1})
    finally:
        subprocess.run([*command, "down", "--volumes", "--rmi", "local"], cwd=service.folder, env=env, check=False)

    assert up.returncode == 0, up.stderr
    assert created.status == 201
