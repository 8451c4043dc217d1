"""What is peculiar to deploys to the docker target: a real engine, HAProxy, PostgreSQL and SQLite."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from maintain.rendering import write_local_values

from ..support.service import (
    HANG,
    Service,
    change,
    docker,
    kept,
    same_release_serves,
    serving_does,
)
from ..support.waiting import until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def target() -> str:
    return "docker"


def container(service: Service, name: str) -> str:
    """A container's name."""
    return f"{service.folder.name}-staging-{name}-1"


# --- What is deployed ---------------------------------------------------------------------------


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
    write_local_values(service.folder, {**base_images, "EDGE_PORT": str(port)}, ("dev",))

    with same_release_serves(service):
        done = service.invoke("deploy", "--env=dev")
        document = json.loads(service.invoke("status", "--env=dev", "--json").stdout)
        service.invoke("down", "--env=dev", "--volumes", "--yes")

    assert done.returncode == 0, done.stderr
    assert document["release"]["env"] == "dev"
    assert document["url"] == f"http://localhost:{port}"


def test_with_sqlite_a_changed_handler_is_served_and_orders_stay(make_service: Callable[..., Service]) -> None:
    service = make_service("docker", database="sqlite")
    service.deploy()
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 2}).body
    before = service.get("/version").body["version"]
    change(service)
    service.commit("Change a handler")

    service.deploy()

    assert service.get("/version").body["version"] != before
    assert service.get(f"/v1/orders/{order['id']}").body == order


# --- Beside deploys -----------------------------------------------------------------------------


def test_exec_keeps_the_words_of_a_command_apart(service: Service) -> None:
    version = service.invoke("exec", "--env=staging", "--", "/app", "version")
    words = ("bash", "-c", 'printf "%s|" "$@"', "words", "a b", "c'd")
    kept_apart = service.invoke("exec", "--env=staging", "--service=edge", "--", *words)

    assert json.loads(version.stdout) == service.get("/version").body
    assert kept_apart.stdout == "a b|c'd|"


def test_logs_show_both_slots(service: Service) -> None:
    for level in ("info", "debug"):
        service.deploy(f"--set=LOG_LEVEL={level}")

    done = service.invoke("logs", "--env=staging", "--lines=20")

    assert done.returncode == 0
    assert "app-blue-1" in done.stdout
    assert "app-green-1" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_deploy_after_down_keeps_the_way_back(service: Service) -> None:
    before = service.status()["release"]["id"]
    told = service.invoke("history", "--env=staging", "--json").stdout

    assert service.invoke("down", "--env=staging").returncode == 0
    refused = service.invoke("rollback", "--env=staging")
    told_while_down = service.invoke("history", "--env=staging", "--json").stdout
    service.deploy("--set", "LOG_LEVEL=info")
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


# --- What can go wrong --------------------------------------------------------------------------


def test_a_killed_database_is_told_by_readiness_and_mended_by_the_next_deploy(service: Service) -> None:
    with same_release_serves(service):
        docker("kill", f"{service.folder.name}-staging-database-1")
        until(lambda: service.get("/readyz").status != 200, "readiness does not tell of it")
        health = service.invoke("health", "--env=staging")

        assert health.returncode == 5
        assert "database" in health.stdout
        assert service.status()["state"] == "degraded"
        assert service.invoke("up", "--env=staging").returncode == 0
        until(lambda: service.get("/readyz").status == 200, "the database is not back")


def test_a_wrong_password_stops_at_the_migration(service: Service) -> None:
    with same_release_serves(service), kept(service.folder / ".env.staging.local"):
        service.set_local(DATABASE_PASSWORD="not-the-password")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "the migrations failed" in done.stderr
    assert "password authentication failed" in done.stderr
    assert "not-the-password" not in done.stdout + done.stderr


def test_a_lost_password_is_refused_rather_than_made_anew(service: Service) -> None:
    local = service.folder / ".env.staging.local"
    with same_release_serves(service), kept(local):
        others = [line for line in local.read_text().splitlines() if not line.startswith("DATABASE_PASSWORD=")]
        local.write_text("\n".join(others) + "\n")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "DATABASE_PASSWORD is missing" in done.stderr


def test_a_slot_that_takes_half_a_second_to_say_that_it_is_ready_is_not_taken_for_dead(service: Service) -> None:
    """As on a machine that is busy, or with a database that is."""
    health = "internal/platform/health/health.go"
    ready = "func (h *Health) ready(c *gin.Context) {"
    with kept(service.folder / health):
        service.edit(health, ready, f"{ready}\n\ttime.Sleep(500 * time.Millisecond)")

        service.deploy()

    assert [slot["traffic"] for slot in service.status()["slots"] if slot["state"] == "running"] == ["UP"]


def test_a_service_that_needs_too_much_memory_is_told_so(service: Service) -> None:
    eat = "var all [][]byte; for { all = append(all, bytes.Repeat([]byte{1}, 1<<26)) }"
    with same_release_serves(service), serving_does(service, eat, imports="bytes"):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "killed because its memory ran out" in done.stderr


def test_a_deployer_that_is_killed_leaves_the_former_release_and_the_next_deploy_converges(service: Service) -> None:
    with same_release_serves(service), serving_does(service, HANG):
        process = service.start("deploy", "--env=staging")
        assert process.stdout
        next(line for line in process.stdout if " start " in line)
        process.kill()
        process.communicate()
    change(service)

    service.deploy()

    slots = service.status()["slots"]
    assert sorted(slot["state"] for slot in slots) == ["running", "stopped"]


def test_without_an_engine_the_message_says_what_to_do(service: Service) -> None:
    service.env["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    with same_release_serves(service):
        done = service.invoke("deploy", "--env=staging")
        status = service.invoke("status", "--env=staging")
    del service.env["DOCKER_HOST"]

    for result in (done, status):
        assert result.returncode == 3
        assert "no Docker engine answers" in result.stderr
        assert "what to do: start Docker" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_base_image_that_cannot_be_had_is_named(service: Service) -> None:
    with same_release_serves(service):
        done = service.invoke("deploy", "--env=staging", "--set", "GO_IMAGE=registry.invalid/golang:1.26")

    assert done.returncode == 3
    assert "registry.invalid/golang:1.26 is not here and cannot be pulled" in done.stderr


def test_an_environment_is_deleted_from_a_machine_that_never_deployed_it(service: Service, tmp_path: Path) -> None:
    other = Service(service.folder, tmp_path / "state", service.port)

    done = other.invoke("down", "--env=staging", "--volumes", "--yes")

    assert done.returncode == 0, done.stderr
    assert docker("volume", "ls", "--quiet", "--filter", f"name={service.folder.name}-staging").stdout == ""
