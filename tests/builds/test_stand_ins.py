"""The stand-ins for base images behave like the images they stand for."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from maintain import stand_ins

from ..support.service import ROOT, docker
from ..support.waiting import until

PASSWORD = """pass:'w"ord$x"""

pytestmark = [pytest.mark.docker]


@pytest.fixture(scope="module")
def images() -> dict[str, str]:
    """The images of the settings, which someone has built before; without them there is nothing to test."""
    present = stand_ins.stand_ins_present()
    missing = stand_ins.SETTINGS.keys() - present.keys()
    if missing and os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(f"no stand-in for {', '.join(sorted(missing))}: run ./inv stand-ins")
    if missing:
        pytest.skip(f"no stand-in for {', '.join(sorted(missing))}: run ./inv stand-ins")
    return present


@dataclass(frozen=True)
class Container:
    name: str

    def run(self, *command: str, password: str = "") -> subprocess.CompletedProcess[str]:
        return docker("exec", "--env", f"PGPASSWORD={password}", self.name, *command)

    def query(self, sql: str, password: str) -> subprocess.CompletedProcess[str]:
        """Asked over the container's own address: what is not loopback needs the password."""
        client = 'psql --host="$(hostname -i)" --username=orders --dbname=shop --no-align --tuples-only --command="$1"'
        return self.run("sh", "-c", client, "sh", sql, password=password)

    def wait_until_it_listens(self) -> None:
        until(
            lambda: not self.run("pg_isready", "--quiet", "--host=127.0.0.1", "--username=orders").returncode,
            lambda: docker("logs", self.name).stderr,
        )


@pytest.fixture
def name() -> Iterator[str]:
    name = f"copier-gin-test-{uuid.uuid4().hex[:12]}"
    yield name
    docker("rm", "--force", "--volumes", name)


ROOT_NEEDS = ["CHOWN", "FOWNER", "SETUID", "SETGID"]


@pytest.mark.parametrize(("user", "capabilities"), [("postgres", []), ("root", ROOT_NEEDS)])
def test_postgres_starts_read_only_with_a_password_file(
    user: str, capabilities: list[str], images: dict[str, str], name: str, tmp_path: Path
) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    password_file.chmod(0o644)
    hardening = ["--read-only", "--tmpfs=/tmp", "--tmpfs=/var/run/postgresql", "--security-opt=no-new-privileges"]
    rights = ["--cap-drop=ALL", *(f"--cap-add={capability}" for capability in capabilities)]
    settings = ["--env=POSTGRES_USER=orders", "--env=POSTGRES_DB=shop", "--env=POSTGRES_PASSWORD_FILE=/run/password"]
    mount = f"--volume={password_file}:/run/password:ro"
    started = docker(
        "run", "--detach", "--name", name, f"--user={user}", *hardening, *rights, *settings, mount,
        images["POSTGRES_IMAGE"],
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    container = Container(name)
    container.wait_until_it_listens()

    assert container.query("SELECT current_user", PASSWORD).stdout.strip() == "orders"
    assert "password authentication failed" in container.query("SELECT 1", "wrong").stderr
    assert container.run("stat", "--format=%U", "/proc/1").stdout.strip() == "postgres"


def test_postgres_keeps_its_data_and_stops_on_request(images: dict[str, str], name: str) -> None:
    settings = ["--env=POSTGRES_USER=orders", "--env=POSTGRES_DB=shop", f"--env=POSTGRES_PASSWORD={PASSWORD}"]
    docker("run", "--detach", "--name", name, "--user=postgres", *settings, images["POSTGRES_IMAGE"])
    container = Container(name)
    container.wait_until_it_listens()
    assert container.query("CREATE TABLE kept AS SELECT 42 AS answer", PASSWORD).returncode == 0

    docker("stop", name)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"
    docker("start", name)
    container.wait_until_it_listens()
    assert container.query("SELECT answer FROM kept", PASSWORD).stdout.strip() == "42"


def test_postgres_refuses_an_empty_database_without_a_password(images: dict[str, str]) -> None:
    refused = docker("run", "--rm", "--user=postgres", images["POSTGRES_IMAGE"])
    assert refused.returncode == 1
    assert "Set POSTGRES_PASSWORD" in refused.stderr


def test_mysql_starts_read_only_with_password_files_and_lets_root_in_from_its_own_container_alone(
    images: dict[str, str], name: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    (tmp_path / "password").chmod(0o644)
    hardening = ["--read-only", "--tmpfs=/tmp", "--tmpfs=/var/run/mysqld", "--security-opt=no-new-privileges"]
    settings = ["--env=MYSQL_USER=orders", "--env=MYSQL_DATABASE=my-shop_1", "--env=MYSQL_ROOT_HOST=localhost"]
    settings += [f"--env={each}_FILE=/run/password" for each in ("MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD")]
    mount = f"--volume={tmp_path}/password:/run/password:ro"
    words = ["--user=mysql", "--cap-drop=ALL", *hardening, *settings, mount, images["MYSQL_IMAGE"]]
    started = docker("run", "--detach", "--name", name, *words)
    assert started.returncode == 0, started.stderr

    def ask(*client: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        command = ["mysql", "--batch", "--skip-column-names", *client]
        return docker("exec", f"--env=MYSQL_PWD={password}", name, *command, "--execute=SELECT current_user()")

    by_tcp = ("--host=127.0.0.1", "--user=orders", "my-shop_1")
    until(lambda: ask(*by_tcp).stdout == "orders@%\n", lambda: docker("logs", name).stderr)
    assert "Access denied" in ask(*by_tcp, password="wrong").stderr
    assert ask("--user=root").stdout == "root@localhost\n"
    assert "Access denied" in ask("--host=127.0.0.1", "--user=root").stderr
    assert docker("exec", name, "stat", "--format=%U", "/proc/1").stdout.strip() == "mysql"
    docker("stop", name)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"


def test_kafka_is_configured_by_variables_and_starts_again_on_its_data(images: dict[str, str], name: str) -> None:
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://127.0.0.1:9093",
        "ADVERTISED_LISTENERS": "PLAINTEXT://localhost:9092",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LOG_DIRS": "/var/lib/kafka/data",
        "HEAP_OPTS": "-Xms128m -Xmx256m",
    }
    words = [f"--env=KAFKA_{each}={value}" for each, value in settings.items()]
    hardening = ["--cap-drop=ALL", "--security-opt=no-new-privileges"]
    started = docker("run", "--detach", "--name", name, *hardening, *words, images["KAFKA_IMAGE"])
    assert started.returncode == 0, started.stderr

    def listens() -> bool:
        return not docker("exec", name, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9092").returncode

    for again in (False, True):
        if again:
            docker("restart", name)
        until(listens, lambda: docker("logs", name).stderr)
    assert docker("exec", name, "stat", "--format=%U", "/proc/1").stdout.strip() == "appuser"
    written = docker("exec", name, "cat", "/opt/kafka/config/server.properties").stdout.splitlines()
    assert "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT" in written
    assert not [line for line in written if "heap" in line]


def test_haproxy_validates_a_configuration_as_its_own_user(images: dict[str, str], tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(
        "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
        "frontend in\n  bind :8080\n  http-request return status 200\n",
        encoding="utf-8",
    )
    run = ["run", "--rm", "--read-only", "--cap-drop=ALL", f"--volume={tmp_path}:/usr/local/etc/haproxy:ro"]
    edge = images["EDGE_IMAGE"]
    checked = docker(*run, edge, "-c", "-f", "/usr/local/etc/haproxy/haproxy.cfg")
    assert checked.returncode == 0, checked.stderr
    assert docker(*run, edge, "id", "--user", "--name").stdout.strip() == "haproxy"
    configuration.write_text("frontend broken\n  bind nowhere at all\n", encoding="utf-8")
    assert docker(*run, edge, "-c", "-f", "/usr/local/etc/haproxy/haproxy.cfg").returncode == 1


def test_caddy_starts_read_only_where_it_may_bind_low_ports_and_only_there(images: dict[str, str]) -> None:
    caddy = stand_ins.examples_present()["CADDY_IMAGE"]
    run = ["run", "--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]

    assert docker(*run, "--cap-add=NET_BIND_SERVICE", caddy, "caddy", "version").returncode == 0
    assert "operation not permitted" in docker(*run, caddy, "caddy", "version").stderr


def test_the_builder_has_this_machines_go_at_the_official_place(images: dict[str, str]) -> None:
    told = docker("run", "--rm", images["GO_IMAGE"], "go", "env", "GOROOT", "GOTOOLCHAIN", "GOPATH")
    assert told.stdout.split() == ["/usr/local/go", "local", "/go"]


def test_a_second_build_does_nothing(images: dict[str, str]) -> None:
    lines: list[str] = []
    started = time.monotonic()
    assert stand_ins.build_stand_ins(ROOT, lines.append) == images
    assert lines[-1].startswith("stand-ins: 0 built")
    assert time.monotonic() - started < 10
