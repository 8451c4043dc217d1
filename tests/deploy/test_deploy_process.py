"""Deploys to the process target: two slots on this machine, without Docker, with SQLite."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.service import EXIT, HANG, Service, answering_as_another_build, serving_does, versions_seen


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("process", database="sqlite")
    made.deploy()
    return made


def test_a_deploy_serves_the_build_that_was_made(service: Service) -> None:
    version = service.get("/version").body

    assert version["service"] == service.folder.name
    assert version["env"] == "staging"
    assert version["commit"] == service.status()["release"]["commit"]


def test_deploying_nothing_new_changes_nothing(service: Service) -> None:
    before = service.status()

    done = service.deploy()

    assert "Nothing to do" in done.stdout
    assert service.status() == before


def test_a_changed_handler_is_served_and_orders_stay(service: Service) -> None:
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 2}).body
    before = service.get("/version").body["version"]
    service.edit("api/openapi.yaml", "openapi: 3.1", "# changed\nopenapi: 3.1")

    service.deploy()

    assert service.get("/version").body["version"] != before
    assert service.get(f"/v1/orders/{order['id']}").body == order


def test_rollback_returns_to_the_former_release_and_keeps_orders(service: Service) -> None:
    order = service.post("/v1/orders", {"sku": "B-2", "quantity": 1}).body
    before = service.get("/version").body["version"]
    service.edit("api/openapi.yaml", "openapi: 3.1", "# again\nopenapi: 3.1")
    service.deploy()

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.get("/version").body["version"] == before
    assert service.get(f"/v1/orders/{order['id']}").body == order


def test_a_service_that_exits_at_start_leaves_the_former_release(service: Service) -> None:
    before = service.get("/version").body

    with serving_does(service, EXIT):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "exited at its start (exit code 7)" in done.stderr
    assert "the former release still serves" in done.stderr
    assert service.get("/version").body == before


def test_a_service_that_never_becomes_ready_leaves_the_former_release(service: Service) -> None:
    before = service.get("/version").body

    with serving_does(service, HANG):
        done = service.invoke("deploy", "--env=staging", "--timeout=2")

    assert done.returncode == 5
    assert "was not healthy within 2 s" in done.stderr
    assert "last probe" in done.stderr
    assert service.get("/version").body == before


def test_a_release_that_answers_as_another_build_gets_no_request(service: Service) -> None:
    with versions_seen(service) as seen, answering_as_another_build(service):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "does not answer as the build that was made" in done.stderr
    assert 'answered: 200 {"version": "another"}' in done.stderr
    assert seen == {service.get("/version").body["version"]}


def test_code_that_does_not_compile_is_told_with_the_compilers_words(service: Service) -> None:
    before = service.get("/version").body
    broken = service.folder / "internal" / "order" / "broken.go"
    broken.write_text("package order\n\nfunc {\n")

    done = service.invoke("deploy", "--env=staging")
    broken.unlink()

    assert done.returncode == 4
    assert "broken.go:3" in done.stderr
    assert service.get("/version").body == before


def test_a_taken_port_is_named_before_anything_is_built(make_service: Callable[..., Service]) -> None:
    service = make_service("process", database="none")
    with socket.socket() as other:
        other.bind(("127.0.0.1", service.port))
        other.listen()

        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 3
    assert f"port {service.port} is taken by another program" in done.stderr
    assert "EDGE_PORT" in done.stderr
    assert "build" not in done.stdout


def test_an_interrupted_deploy_leaves_the_former_release(service: Service) -> None:
    before = service.get("/version").body

    with serving_does(service, HANG):
        done = service.interrupt_at("start", "deploy", "--env=staging")

    assert done.returncode == 5
    assert "the deploy was interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    assert service.get("/version").body == before


def test_two_deploys_at_once_are_refused_with_the_holder(service: Service) -> None:
    done: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        done.append(service.invoke("deploy", "--env=staging", "--set", "LOG_LEVEL=debug"))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    codes = sorted(result.returncode for result in done)
    assert codes == [0, 6]
    refused = next(result for result in done if result.returncode == 6)
    assert "deploy --env=staging by" in refused.stderr


def test_json_is_one_document_and_progress_goes_to_standard_error(service: Service) -> None:
    done = service.invoke("deploy", "--env=staging", "--json")

    document = json.loads(done.stdout)
    assert document["target"] == "process"
    assert document["url"] == f"http://localhost:{service.port}"
    assert "check" in done.stderr


def test_tasks_work_from_a_sub_directory(service: Service) -> None:
    done = service.invoke("health", "--env=staging", cwd=service.folder / "internal" / "order")

    assert done.returncode == 0, done.stderr
    assert "/readyz" in done.stdout


def test_down_keeps_data_and_up_serves_it_again(service: Service) -> None:
    order = service.post("/v1/orders", {"sku": "C-3", "quantity": 3}).body

    assert service.invoke("down", "--env=staging").returncode == 0
    assert service.get("/livez").status == 0
    assert service.invoke("up", "--env=staging").returncode == 0

    assert service.get(f"/v1/orders/{order['id']}").body == order


def test_a_dry_run_shows_its_commands_and_changes_nothing(service: Service) -> None:
    before = service.status()
    service.edit("api/openapi.yaml", "openapi: 3.1", "# dry\nopenapi: 3.1")
    built = (service.folder / "dist" / f"{service.folder.name}-staging").read_bytes()

    done = service.invoke("--dry", "deploy", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert "go build" in done.stdout
    assert service.status() == before
    assert (service.folder / "dist" / f"{service.folder.name}-staging").read_bytes() == built


def test_a_front_door_that_was_killed_comes_back_with_the_next_deploy(service: Service) -> None:
    state = service.state / "copier-gin" / f"{service.folder.name}-staging"
    os.kill(json.loads((state / "edge.process").read_text())["pid"], signal.SIGKILL)

    service.deploy()

    assert service.get("/readyz").status == 200


def test_no_secret_is_readable_by_others(service: Service) -> None:
    state: Path = service.state / "copier-gin" / f"{service.folder.name}-staging"

    assert state.stat().st_mode & 0o077 == 0
