"""The first front door of an environment: it is built whatever modes its files have, or its fault is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.service import Service, docker, kept

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return make_service("docker", database="none")


def test_a_first_deploy_whose_front_door_does_not_build_tells_why(service: Service) -> None:
    path = service.folder / "edge" / "haproxy.cfg"
    with kept(path):
        path.write_text(path.read_text() + "no such word\n")
        line = path.read_text().count("\n")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 4, done.stderr
    assert "the front door does not build" in done.stderr
    assert f"{path.name}:{line}" in done.stderr


def test_files_that_only_their_owner_may_read_are_read_in_the_image(
    service: Service, base_images: dict[str, str]
) -> None:
    files = [path for path in (service.folder / "edge").rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o600)
    image = f"{service.folder.name}-edge-private"

    built = docker(
        "build",
        *("--build-arg", f"EDGE_IMAGE={base_images.get('EDGE_IMAGE', 'haproxy:3.2')}"),
        *("--tag", image, str(service.folder / "edge")),
    )
    modes = docker("run", "--rm", "--entrypoint=stat", image, "-c", "%a", "/usr/local/etc/haproxy/haproxy.cfg")
    docker("image", "rm", image)

    assert built.returncode == 0, built.stderr
    assert modes.stdout.strip() == "644"
