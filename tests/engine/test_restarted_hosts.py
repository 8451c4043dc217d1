"""After a restart of the host, when its memory is empty, secrets come back as its operator chose."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from ..config.identities import make_key
from ..support.engines import SecondEngine, ServiceThere
from ..support.secrets_in_git import keep_in_git
from ..support.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(service_there: Callable[..., ServiceThere]) -> ServiceThere:
    """A service with a secret, which is not deployed yet."""
    made = service_there(auth="jwt")
    keep_in_git(made, AUTH_DEV_KEY="a-key-of-sixteen-characters")
    return made


def restart(engine: SecondEngine) -> None:
    """Restart the host, as far as its engine is concerned."""
    engine.stop()
    engine.start()


def ready(service: ServiceThere) -> bool:
    """Whether the service answers through its front door."""
    return service.get("/readyz").status == 200


def in_memory(service: ServiceThere) -> str:
    """What the keeper has in memory, with the names of all files."""
    return of_keeper(service, "/run/secrets")


def kept(service: ServiceThere) -> str:
    """What it has on the disk, with the names of all files."""
    return of_keeper(service, "/var/lib/secrets")


def of_keeper(service: ServiceThere, folder: str) -> str:
    """A folder of the keeper's container, as an archive."""
    keeper = f"{service.folder.name}-staging-secret-keeper"
    words = ["docker", "--host", service.engine.host, "cp", f"{keeper}:{folder}", "-"]
    return subprocess.run(words, capture_output=True, check=True).stdout.decode(errors="replace")


def test_by_its_own_identity_a_host_brings_the_service_back_without_anybody(
    service: ServiceThere, engine: SecondEngine
) -> None:
    service.deploy()
    release = service.status()["release"]

    restart(engine)

    until(lambda: ready(service), "the service does not come back")
    assert service.status()["release"] == release
    assert "AUTH_DEV_KEY" in in_memory(service)
    assert "identity.txt" in kept(service)


def test_where_no_key_lies_on_the_host_the_service_waits_for_whoever_brings_its_secrets(
    service: ServiceThere, engine: SecondEngine
) -> None:
    service.edit("invoke.yaml", "  staging:\n", "  staging:\n    host_identity: false\n")
    service.deploy("--set=LOG_LEVEL=debug")
    release = service.status()["release"]
    identity, service.env["SECRETS_IDENTITY"] = service.env["SECRETS_IDENTITY"], make_key()[0]

    restart(engine)

    until(lambda: "cannot read /run/secrets" in service.invoke("logs", "--env=staging").stdout, "nothing says why")
    assert "AUTH_DEV_KEY" not in in_memory(service)
    assert "identity.txt" not in kept(service)
    with_another = service.invoke("up", "--env=staging")
    service.env["SECRETS_IDENTITY"] = identity
    with_the_key = service.invoke("up", "--env=staging")

    assert with_another.returncode != 0
    assert "no identity that is here opens" in with_another.stderr
    assert with_the_key.returncode == 0, with_the_key.stdout + with_the_key.stderr
    assert ready(service)
    assert service.status()["release"]["id"] == release["id"]
    assert json.loads(service.invoke("status", "--env=staging", "--json").stdout)["state"] == "serving"
