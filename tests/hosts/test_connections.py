"""What lies between a task and the engine of a host: the shell there, addresses, shared connections, the socket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service_tasks.engine.config.host import Host, parse_host
from service_tasks.engine.core.errors import MissingFault
from service_tasks.engine.core.network import free_port
from service_tasks.engine.docker.engine import Engine
from service_tasks.engine.docker.hosts import Connection, connect

from ..support.service import Service, docker, request
from .remote_hosts import Keys, RemoteHost, ServiceOnHosts

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def host(hosts: list[RemoteHost], keys: Keys, monkeypatch: pytest.MonkeyPatch) -> RemoteHost:
    """A host, with the tests' own ssh on the path."""
    monkeypatch.setenv("PATH", f"{keys.bin}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    return hosts[0]


@pytest.fixture
def connected(host: RemoteHost) -> Iterator[Callable[[], Connection]]:
    """Connects to the host; the connections end with the test."""
    made: list[Connection] = []

    def to_host() -> Connection:
        made.append(connect(parse_host(host.url), free_port()))
        return made[-1]

    yield to_host
    for connection in made:
        connection.close()


@pytest.fixture
def forced(host: RemoteHost, keys: Keys) -> Iterator[Callable[[str], None]]:
    """Puts a script of the host's in the place of its shell; $SSH_ORIGINAL_COMMAND is what ssh was asked for."""
    before = keys.public.read_text()

    def run_instead(script: str) -> None:
        keys.public.write_text(f'command="{script}" {before}')

    yield run_instead
    keys.public.write_text(before)


@pytest.mark.parametrize(
    "greeting", ["echo Welcome to this host", "printf 'no end of line'", "printf 'ready steady'; echo; echo go"]
)
def test_a_host_whose_shell_prints_a_greeting_is_reached(
    connected: Callable[[], Connection], forced: Callable[[str], None], greeting: str
) -> None:
    forced(rf"{greeting}; eval \"$SSH_ORIGINAL_COMMAND\"")

    assert Engine(connected().endpoint).version()


def test_a_host_whose_shell_never_comes_to_the_command_is_given_up(
    host: RemoteHost, forced: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_tasks.engine.docker.hosts.WELCOME_SECONDS", 2)
    forced("echo choose 1 or 2; read answer; sleep 60")

    with pytest.raises(MissingFault) as fault:
        connect(parse_host(host.url), free_port())

    assert "did not come to the command within 2 s" in fault.value.details[-1]


def test_a_socket_that_is_not_there_is_named_with_its_host(host: RemoteHost) -> None:
    with pytest.raises(MissingFault) as fault:
        connect(parse_host(f"ssh://root@{host.address}/run/nowhere.sock"), free_port())

    assert fault.value.what == f"{host.address} has no Docker engine at /run/nowhere.sock"
    assert fault.value.where == f"ssh://root@{host.address}"


def test_an_engine_that_has_ended_is_named_with_its_host(host: RemoteHost, tmp_path: Path) -> None:
    socket = tmp_path / "ended.sock"
    subprocess.run(["python3", "-c", f"import socket; socket.socket(socket.AF_UNIX).bind({str(socket)!r})"], check=True)
    connection = connect(parse_host(f"ssh://root@{host.address}{socket}"), free_port())
    try:
        with pytest.raises(MissingFault) as fault:
            Engine(connection.endpoint).connected()
    finally:
        connection.close()

    assert fault.value.where == f"ssh://root@{host.address}{socket}"


def test_no_shared_connection_stays_with_its_forwards(
    connected: Callable[[], Connection], keys: Keys, tmp_path: Path
) -> None:
    config, master = keys.bin.parent / "config", tmp_path / "master"
    before = config.read_text()
    config.write_text(f"{before}ControlMaster auto\nControlPath {master}\nControlPersist 60\n")
    try:
        connected().close()
    finally:
        config.write_text(before)

    assert not master.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh://[::1]", Host("::1", "::1")),
        ("ssh://deploy@[2001:db8::1]", Host("deploy@2001:db8::1", "2001:db8::1")),
        ("ssh://[2001:db8::1]:2222/run/d.sock", Host("2001:db8::1", "[2001:db8::1]:2222", 2222, "/run/d.sock")),
    ],
)
def test_a_host_may_be_an_ipv6_address(text: str, expected: Host) -> None:
    assert parse_host(text) == expected
    assert text.startswith(expected.url)


@pytest.fixture(scope="module")
def service(hosts: list[RemoteHost], keys: Keys, make_service: Callable[..., Service]) -> ServiceOnHosts:
    """A service whose only host is named by its IPv6 address."""
    made = make_service("docker", kind=ServiceOnHosts, database="none")
    assert isinstance(made, ServiceOnHosts)
    made.use(hosts[:1], keys)
    path = made.folder / "invoke.yaml"
    path.write_text(path.read_text().replace(hosts[0].url, f'"{hosts[0].url6}"'))
    return made


def test_a_service_on_an_ipv6_host_is_deployed_and_found_at_its_url(service: ServiceOnHosts) -> None:
    done = service.deploy()

    url = f"http://[{service.hosts[0].address6}]:{service.port}"
    assert url in done.stdout
    assert request("GET", f"{url}/readyz").status == 200
    assert json.loads(service.invoke("status", "--env=staging", "--json").stdout)["url"] == url
    assert service.invoke("health", "--env=staging").returncode == 0


# --- DOCKER_HOST=ssh:// ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def through_docker_host(
    hosts: list[RemoteHost], keys: Keys, make_service: Callable[..., Service], base_images: dict[str, str]
) -> ServiceOnHosts:
    """A service of an environment without hosts, in a shell whose docker command goes through ssh and builds there."""
    hosts[1].load(base_images.get("GO_IMAGE", "golang:1.26"))
    made = make_service("docker", kind=ServiceOnHosts, database="none")
    assert isinstance(made, ServiceOnHosts)
    made.hosts, made.keys = hosts[1:2], keys
    made.env["DOCKER_HOST"] = hosts[1].url
    made.deploy()
    return made


def test_through_docker_host_health_looks_at_the_host(through_docker_host: ServiceOnHosts) -> None:
    done = through_docker_host.invoke("health", "--env=staging")

    assert done.returncode == 0
    assert f"{through_docker_host.hosts[0].address} probe" in done.stdout


def test_through_docker_host_doctor_looks_at_the_host(through_docker_host: ServiceOnHosts) -> None:
    done = through_docker_host.invoke("doctor", "--env=staging")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Docker engine of {through_docker_host.hosts[0].address}" in done.stdout


def test_through_docker_host_an_image_is_built_on_the_host(through_docker_host: ServiceOnHosts) -> None:
    tag = through_docker_host.invoke("image", "--env=staging").stdout.splitlines()[-1]

    there = docker("--host", through_docker_host.hosts[0].host, "image", "inspect", tag)
    assert there.returncode == 0, there.stderr
