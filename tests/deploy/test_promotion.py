"""`bake_env: false` on Docker: prod runs the very image that staging has run, or says why it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from maintain.rendering import write_local_values
from service_tasks.engine.core.network import free_port

from ..hosts.remote_hosts import Registry
from ..support.service import Service, change, docker, git, request

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@dataclass
class PromotedService(Service):
    """A service whose staging and prod run one image."""

    prod_port: int = field(default_factory=free_port)

    def take_down(self) -> None:
        super().take_down()
        self.invoke("down", "--env=prod", "--volumes", "--yes")

    def image(self, env: str) -> str:
        """The image that an environment's containers run."""
        names = docker("ps", "--quiet", "--filter", f"name={self.folder.name}-{env}-app-").stdout.split()
        return docker("inspect", "--format", "{{.Image}}", *names).stdout.strip()

    def names(self) -> list[str]:
        """All names of the service's images on this engine."""
        listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"label={self.label}")
        return listed.stdout.split()

    @property
    def label(self) -> str:
        return f"copier-gin.service={self.folder.name}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of the tests' own, on this machine alone."""
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is missing")
    made = Registry(tmp_path_factory.mktemp("registry"), free_port(), [])
    yield made
    made.stop()


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service], registry: Registry, base_images: dict[str, str]) -> PromotedService:
    """A service with staging and prod side by side on this engine, of which nothing was deployed."""
    made = make_service("docker", kind=PromotedService, database="none")
    assert isinstance(made, PromotedService)
    write_local_values(made.folder, {**base_images, "EDGE_PORT": str(made.prod_port)}, ("prod",))
    made.edit("invoke.yaml", "bake_env: true", "bake_env: false")
    for env in ("staging", "prod"):
        target = f"  {env}:\n    target: docker\n"
        made.edit("invoke.yaml", target, f"{target}    registry: {registry.address}/tests\n")
    made.commit("Promote one image")
    return made


def test_an_image_goes_from_staging_to_prod_and_never_the_other_way(service: PromotedService) -> None:
    early = service.invoke("deploy", "--env=prod")
    assert early.returncode == 3
    commit = git(service.folder, "rev-parse", "HEAD").strip()
    assert f"staging has published no image of commit {commit[:12]}" in early.stderr
    assert "./inv deploy --env=staging" in early.stderr

    service.deploy()
    staging = service.get("/version").body
    git(service.folder, "tag", "v1.0.0")
    done = service.invoke("deploy", "--env=prod", "--json")

    assert done.returncode == 0, done.stderr
    assert service.image("prod") == service.image("staging")
    prod = request("GET", f"http://127.0.0.1:{service.prod_port}/version").body
    assert (staging["env"], prod["env"]) == ("staging", "prod")
    # What is in the image is what was built: a tag of later is not.
    assert prod == {**staging, "env": "prod"}
    assert json.loads(done.stdout)["release"]["version"] == staging["version"]
    again = service.invoke("deploy", "--env=prod")
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True), again.stderr


def test_what_staging_has_not_run_or_no_commit_has_is_not_promoted(service: PromotedService) -> None:
    before = service.image("prod")
    change(service)
    dirty = service.invoke("deploy", "--env=prod")
    service.commit("Change the description")
    unpublished = service.invoke("deploy", "--env=prod", "--plan")

    assert (dirty.returncode, unpublished.returncode) == (2, 3)
    assert "prod takes the image of a commit from staging, and the work tree is not one" in dirty.stderr
    assert "published no image" in unpublished.stderr
    assert service.image("prod") == before


def test_a_rollback_and_the_images_of_old_releases_are_each_environments_own(service: PromotedService) -> None:
    first = service.image("prod")
    service.commit("Another commit")
    service.deploy()
    planned = service.invoke("deploy", "--env=prod", "--plan")
    assert "taken from the registry, as staging has published it" in planned.stdout
    assert service.invoke("deploy", "--env=prod").returncode == 0
    second = service.image("prod")
    assert second not in ("", first)

    back = service.invoke("rollback", "--env=prod")

    assert back.returncode == 0, back.stderr
    assert service.image("prod") == first
    service.invoke("down", "--env=prod", "--volumes", "--yes")
    left = service.names()
    assert [name for name in left if ":prod-" in name] == []
    assert service.invoke("rollback", "--env=staging").returncode == 0
    assert service.image("staging") == first


def test_a_registry_that_does_not_answer_is_told(service: PromotedService, registry: Registry) -> None:
    registry.stop()

    done = service.invoke("deploy", "--env=prod")

    assert done.returncode == 3
    assert "the image cannot be pulled" in done.stderr
    assert f"docker login {registry.address}" in done.stderr
