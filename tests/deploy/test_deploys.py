"""What holds of deploys whatever the target: what serves after one, and after one that failed."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from ..support.service import (
    HANG,
    Service,
    answering_as_another_build,
    change,
    kept,
    same_release_serves,
    serving_does,
    versions_seen,
)

pytestmark = pytest.mark.slow

# --- What is deployed ---------------------------------------------------------------------------


def test_a_deploy_serves_the_build_that_was_made(service: Service) -> None:
    version = service.get("/version").body
    status = service.status()

    assert version == {**version, "service": service.folder.name, "env": "staging"}
    assert status["state"] == "serving"
    for fact in ("version", "commit", "built_at"):
        assert status["release"][fact] == version[fact]
    assert [slot["state"] for slot in status["slots"]] == ["running", "empty"]


def test_a_changed_handler_is_served_and_orders_stay(service: Service) -> None:
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


def test_rollback_returns_to_the_former_release_and_keeps_orders(service: Service) -> None:
    order = service.post("/v1/orders", {"sku": "B-2", "quantity": 1}).body
    before = service.get("/version").body
    change(service)
    service.deploy()
    assert service.get("/version").body != before

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.get("/version").body == before
    assert service.get(f"/v1/orders/{order['id']}").body == order


def test_down_keeps_data_and_up_serves_it_again(service: Service) -> None:
    order = service.post("/v1/orders", {"sku": "C-3", "quantity": 3}).body

    assert service.invoke("down", "--env=staging").returncode == 0
    assert service.get("/livez").status == 0
    up = service.invoke("up", "--env=staging")

    assert up.returncode == 0, up.stderr
    assert service.get(f"/v1/orders/{order['id']}").body == order


# --- What can go wrong --------------------------------------------------------------------------


def test_a_taken_port_is_named_before_anything_is_built(target: str, make_service: Callable[..., Service]) -> None:
    service = make_service(target, database="none")
    with socket.socket() as other:
        other.bind(("0.0.0.0" if target == "docker" else "127.0.0.1", service.port))
        other.listen()

        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 3
    assert f"port {service.port} is taken by another program" in done.stderr
    assert "EDGE_PORT" in done.stderr
    assert "build" not in done.stdout


def test_a_service_that_exits_at_start_is_told_with_its_exit_code_and_leaves_the_former_release(
    service: Service,
) -> None:
    with same_release_serves(service), serving_does(service, 'println("no luck"); os.Exit(7)'):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "exited at its start (exit code 7)" in done.stderr
    assert "log: no luck" in done.stderr
    assert "the former release still serves" in done.stderr


def test_a_service_that_never_becomes_ready_is_withdrawn_with_its_last_probe(service: Service) -> None:
    with same_release_serves(service), serving_does(service, HANG):
        done = service.invoke("deploy", "--env=staging", "--timeout=2")

    assert done.returncode == 5
    assert "was not healthy within 2 s" in done.stderr
    assert "last probe: " in done.stderr
    assert "the former release still serves" in done.stderr


def test_a_release_that_answers_as_another_build_gets_no_request(service: Service) -> None:
    with same_release_serves(service), versions_seen(service) as seen, answering_as_another_build(service):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "does not answer as the build that was made" in done.stderr
    assert 'answered: 200 {"version": "another"}' in done.stderr
    assert seen == {service.get("/version").body["version"]}


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


@pytest.mark.parametrize("step", ["build", "image", "migrate", "start"])
def test_ctrl_c_leaves_the_former_release(service: Service, step: str) -> None:
    with same_release_serves(service), serving_does(service, HANG):
        done = service.interrupt_at(step, "deploy", "--env=staging")

    assert done.returncode == 5
    assert "the deploy was interrupted" in done.stderr
    assert "Traceback" not in done.stderr
