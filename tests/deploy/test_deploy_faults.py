"""What can go wrong in a deploy to the docker target: the former release serves, and the message says what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from ..support.service import (
    HANG,
    Service,
    answering_as_another_build,
    change,
    docker,
    kept,
    same_release_serves,
    serving_does,
    versions_seen,
)
from ..support.waiting import until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("docker")
    made.deploy()
    return made


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


def test_a_taken_port_is_named_before_anything_is_built(make_service: Callable[..., Service]) -> None:
    service = make_service("docker")
    with socket.socket() as other:
        other.bind(("0.0.0.0", service.port))
        other.listen()

        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 3
    assert f"port {service.port} is taken by another program" in done.stderr
    assert "EDGE_PORT" in done.stderr


def test_a_service_that_never_becomes_ready_is_withdrawn_with_its_last_probe(service: Service) -> None:
    with same_release_serves(service), serving_does(service, HANG):
        done = service.invoke("deploy", "--env=staging", "--timeout=3")

    assert done.returncode == 5
    assert "was not healthy within 3 s" in done.stderr
    assert "last probe: " in done.stderr
    assert "the former release still serves" in done.stderr


def test_a_slot_that_takes_half_a_second_to_say_that_it_is_ready_is_not_taken_for_dead(service: Service) -> None:
    """As on a machine that is busy, or with a database that is."""
    health = "internal/platform/health/health.go"
    ready = "func (h *Health) ready(c *gin.Context) {"
    with kept(service.folder / health):
        service.edit(health, ready, f"{ready}\n\ttime.Sleep(500 * time.Millisecond)")

        service.deploy()

    assert [slot["traffic"] for slot in service.status()["slots"] if slot["state"] == "running"] == ["UP"]


def test_a_service_that_exits_at_start_is_told_with_its_exit_code_at_once(service: Service) -> None:
    with same_release_serves(service), serving_does(service, 'println("no luck"); os.Exit(7)'):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "exited at its start (exit code 7)" in done.stderr
    assert "log: no luck" in done.stderr


def test_a_release_that_answers_as_another_build_gets_no_request(service: Service) -> None:
    with same_release_serves(service), versions_seen(service) as seen, answering_as_another_build(service):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "does not answer as the build that was made" in done.stderr
    assert 'answered: 200 {"version": "another"}' in done.stderr
    assert seen == {service.get("/version").body["version"]}


def test_a_service_that_needs_too_much_memory_is_told_so(service: Service) -> None:
    eat = "var all [][]byte; for { all = append(all, bytes.Repeat([]byte{1}, 1<<26)) }"
    with same_release_serves(service), serving_does(service, eat, imports="bytes"):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "killed because its memory ran out" in done.stderr


@pytest.mark.parametrize("step", ["build", "image", "migrate", "start"])
def test_ctrl_c_leaves_the_former_release(service: Service, step: str) -> None:
    with same_release_serves(service), serving_does(service, HANG):
        done = service.interrupt_at(step, "deploy", "--env=staging")

    assert done.returncode == 5
    assert "the deploy was interrupted" in done.stderr
    assert "Traceback" not in done.stderr


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


def test_a_missing_variable_is_refused_before_anything_changes(service: Service) -> None:
    with same_release_serves(service), kept(service.folder / ".env.staging"):
        service.edit(".env.staging", "APP_ENV=staging\n", "")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "APP_ENV" in done.stderr


def test_an_unknown_variable_is_refused_with_the_nearest_name(service: Service) -> None:
    text = (service.folder / ".env.staging").read_text()
    service.edit(".env.staging", "LOG_LEVEL=", "LOG_LEVL=")

    with same_release_serves(service):
        done = service.invoke("deploy", "--env=staging")
    (service.folder / ".env.staging").write_text(text)

    assert done.returncode == 2
    assert ".env.staging:" in done.stderr
    assert 'did you mean "LOG_LEVEL"?' in done.stderr


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
