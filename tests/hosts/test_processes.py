"""What a service runs beside `serve` on several hosts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.relay import add_processes
from ..support.service import Service, kept
from .remote_hosts import Keys, RemoteHost, ServiceOnHosts

pytestmark = [pytest.mark.docker, pytest.mark.slow]
RELAY = "internal/app/relay.go"


@pytest.fixture(scope="module")
def service(hosts: list[RemoteHost], keys: Keys, make_service: Callable[..., Service]) -> ServiceOnHosts:
    """A service whose second release has processes."""
    made = make_service("docker", kind=ServiceOnHosts, database="none")
    assert isinstance(made, ServiceOnHosts)
    made.use(hosts, keys, soak_seconds=1, parallel=2)
    made.deploy()
    add_processes(made)
    made.commit("Add a relay and a mailer")
    made.deploy()
    return made


def shown(service: ServiceOnHosts) -> list[tuple[str, int, str]]:
    """What status says of the processes of each host."""
    return [
        (each["process"], each["healthy"], each["release"])
        for host in service.status()["hosts"]
        for each in host["processes"]
    ]


def test_every_host_runs_the_processes_of_the_release(service: ServiceOnHosts) -> None:
    release = service.status()["release"]["id"]

    assert shown(service) == [("relay", 1, release), ("mailer", 2, release)] * 3


def test_one_that_does_not_start_on_the_first_host_changes_nothing_on_any(service: ServiceOnHosts) -> None:
    before = shown(service)
    with kept(service.folder / RELAY):
        service.edit(RELAY, "startsWell = true", "startsWell = false")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert f"{service.hosts[1].address}: not reached, nothing was changed" in done.stderr
    assert shown(service) == before


def test_a_rollback_ends_them_on_every_host(service: ServiceOnHosts) -> None:
    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert shown(service) == []
