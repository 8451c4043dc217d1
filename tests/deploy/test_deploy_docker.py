"""Deploys to the docker target: a real engine, HAProxy, PostgreSQL and SQLite."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ..support.service import (
    Service,
    change,
    docker,
    same_release_serves,
)

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("docker")
    made.deploy()
    return made


def container(service: Service, name: str) -> str:
    """A container's name."""
    return f"{service.folder.name}-staging-{name}-1"


# --- What is deployed ---------------------------------------------------------------------------


def test_a_deploy_serves_the_build_that_was_made(service: Service) -> None:
    version = service.get("/version").body
    status = service.status()

    assert version == {**version, "service": service.folder.name, "env": "staging"}
    assert status["state"] == "serving"
    assert status["release"]["version"] == version["version"]
    assert status["release"]["built_at"] == version["built_at"]
    assert [slot["state"] for slot in status["slots"]] == ["running", "empty"]


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_a_changed_handler_is_served_and_orders_stay(
    database: str, service: Service, make_service: Callable[..., Service]
) -> None:
    if database != "postgres":
        service = make_service("docker", database=database)
        service.deploy()
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 2}).body
    before = service.get("/version").body["version"]
    change(service)
    service.commit("Change a handler")

    service.deploy()

    assert service.get("/version").body["version"] != before
    assert service.get(f"/v1/orders/{order['id']}").body == order


def test_deploying_nothing_new_changes_nothing(service: Service) -> None:
    before = service.status()

    done = service.deploy()

    assert "Nothing to do" in done.stdout
    assert service.status() == before


def test_rollback_returns_to_the_former_release(service: Service) -> None:
    before = service.get("/version").body
    change(service)
    service.deploy()
    assert service.get("/version").body != before

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.get("/version").body == before


def test_containers_are_hardened_and_labelled(service: Service) -> None:
    live = next(slot for slot in service.status()["slots"] if slot["traffic"] == "UP")
    for name in (f"app-{live['slot']}", "edge", "database"):
        inspected = json.loads(docker("inspect", container(service, name)).stdout)[0]
        host = inspected["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"], name
        assert host["LogConfig"]["Config"]["max-size"], name
        assert inspected["State"]["Health"]["Status"] == "healthy", name
        assert inspected["Config"]["Labels"]["copier-gin.service"] == service.folder.name
        assert inspected["Config"]["Labels"]["copier-gin.env"] == "staging"
    labels = json.loads(docker("inspect", container(service, f"app-{live['slot']}")).stdout)[0]["Config"]["Labels"]
    assert labels["copier-gin.release"] == live["release"]
    assert labels["copier-gin.slot"] == live["slot"]
    assert labels["org.opencontainers.image.version"] == service.get("/version").body["version"]


def test_the_password_is_in_no_container_image_or_label(service: Service) -> None:
    lines = (service.folder / ".env.staging.local").read_text().splitlines()
    password = next(line.partition("=")[2] for line in lines if line.startswith("DATABASE_PASSWORD="))
    containers = docker("ps", "--all", "--quiet", "--filter", f"name={service.folder.name}").stdout.split()
    images = docker("image", "ls", "--quiet", "--filter", f"label=copier-gin.service={service.folder.name}").stdout

    assert len(password) > 20
    assert password not in docker("inspect", *containers).stdout
    assert password not in docker("inspect", *images.split()).stdout
    assert all(password not in docker("logs", name).stdout for name in containers)
    assert (service.folder / ".env.staging.local").stat().st_mode & 0o077 == 0


def test_secrets_are_read_only_files_of_the_engine_and_none_of_this_machine(service: Service) -> None:
    live = next(slot["slot"] for slot in service.status()["slots"] if slot["traffic"] == "UP")
    mounts = json.loads(docker("inspect", container(service, f"app-{live}")).stdout)[0]["Mounts"]
    mounted = [mount for mount in mounts if mount["Destination"] == "/run/secrets"]

    assert [(mount["Type"], mount["RW"]) for mount in mounted] == [("volume", False)]
    assert not list((service.state / "copier-gin").rglob("*PASSWORD*"))


def test_another_machine_rolls_back_to_the_same_values(service: Service, tmp_path: Path) -> None:
    service.deploy("--set=LOG_LEVEL=debug")
    before = service.status()["release"]["id"]
    service.deploy("--set=LOG_LEVEL=warn")
    elsewhere = replace(service, state=tmp_path / "state")

    done = elsewhere.invoke("rollback", "--env=staging", f"--to={before}")

    assert done.returncode == 0, done.stderr
    assert service.status()["release"]["id"] == before
    assert service.get("/readyz").status == 200


def test_a_second_environment_runs_beside_the_first(service: Service, base_images: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = [f"{name}={value}" for name, value in {**base_images, "EDGE_PORT": str(port)}.items()]
    (service.folder / ".env.dev.local").write_text("\n".join(lines) + "\n")

    with same_release_serves(service):
        done = service.invoke("deploy", "--env=dev")
        document = json.loads(service.invoke("status", "--env=dev", "--json").stdout)
        service.invoke("down", "--env=dev", "--volumes", "--yes")

    assert done.returncode == 0, done.stderr
    assert document["release"]["env"] == "dev"
    assert document["url"] == f"http://localhost:{port}"


# --- Beside deploys -----------------------------------------------------------------------------


def test_exec_keeps_the_words_of_a_command_apart(service: Service) -> None:
    version = service.invoke("exec", "--env=staging", "--", "/app", "version")
    words = ("bash", "-c", 'printf "%s|" "$@"', "words", "a b", "c'd")
    kept_apart = service.invoke("exec", "--env=staging", "--service=edge", "--", *words)

    assert json.loads(version.stdout) == service.get("/version").body
    assert kept_apart.stdout == "a b|c'd|"


def test_logs_show_both_slots(service: Service) -> None:
    for _ in range(2):
        change(service)
        service.deploy()

    done = service.invoke("logs", "--env=staging", "--lines=20")

    assert done.returncode == 0
    assert "app-blue-1" in done.stdout
    assert "app-green-1" in done.stdout
    assert "\x1b" not in done.stdout


def test_down_keeps_data_and_up_serves_it_again(service: Service) -> None:
    order = service.post("/v1/orders", {"sku": "C-3", "quantity": 3}).body

    assert service.invoke("down", "--env=staging").returncode == 0
    assert service.get("/livez").status == 0
    up = service.invoke("up", "--env=staging")

    assert up.returncode == 0, up.stderr
    assert service.get(f"/v1/orders/{order['id']}").body == order


def test_a_deploy_after_down_keeps_the_way_back(service: Service) -> None:
    before = service.status()["release"]["id"]
    told = service.invoke("history", "--env=staging", "--json").stdout

    assert service.invoke("down", "--env=staging").returncode == 0
    refused = service.invoke("rollback", "--env=staging")
    told_while_down = service.invoke("history", "--env=staging", "--json").stdout
    service.deploy("--set", "LOG_LEVEL=debug")
    after = service.status()["release"]["id"]
    returned = service.invoke("rollback", "--env=staging")

    assert refused.returncode == 5
    assert "nothing serves" in refused.stderr
    assert json.loads(told_while_down) == json.loads(told)
    assert after != before
    assert returned.returncode == 0, returned.stderr
    assert service.status()["release"]["id"] == before


def test_down_with_volumes_asks_first(service: Service) -> None:
    with same_release_serves(service):
        done = service.invoke("down", "--env=staging", "--volumes")

    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_the_image_runs_as_nobody_and_carries_certificates_and_time_zones(service: Service) -> None:
    image = f"{service.folder.name}:staging-{service.get('/version').body['version']}"
    inspected = json.loads(docker("image", "inspect", image).stdout)[0]
    listed = subprocess.run(
        f"docker create {image} | xargs -I% sh -c 'docker export % | tar t; docker rm % >/dev/null'",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert inspected["Config"]["User"] == "65532:65532"
    assert "etc/ssl/certs/ca-certificates.crt" in listed
    assert "usr/local/go/lib/time/zoneinfo.zip" in listed
    assert not [name for name in listed if ".env" in name or ".git" in name]
    assert inspected["Config"]["Labels"]["org.opencontainers.image.revision"]
