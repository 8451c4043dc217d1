"""A service with MySQL in its stack: what is its own there, and that it outlives its database."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ..support.service import Service, docker
from ..support.waiting import until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    """A service that serves its first release."""
    made = make_service("docker", database="mysql")
    made.deploy()
    return made


@pytest.fixture
def database(service: Service) -> str:
    """The name of the database's container."""
    return f"{service.folder.name}-staging-database-1"


def test_a_password_is_made_and_stays_in_its_files(service: Service, database: str) -> None:
    local = service.folder / ".env.staging.local"
    password = next(
        line.partition("=")[2] for line in local.read_text().splitlines() if line.startswith("DATABASE_PASSWORD=")
    )

    inspected = json.loads(docker("inspect", database).stdout)[0]

    assert len(password) > 20
    assert password not in json.dumps(inspected)
    said = docker("logs", database)
    assert password not in said.stdout + said.stderr
    assert (inspected["HostConfig"]["ReadonlyRootfs"], inspected["HostConfig"]["CapDrop"]) == (True, ["ALL"])
    assert inspected["Config"]["User"] == "mysql"


def test_a_database_that_is_killed_is_told_by_readiness_and_has_all_orders_when_it_is_back(
    service: Service, database: str
) -> None:
    key = {"Idempotency-Key": "once"}
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 1}, **key).body
    live = next(slot["slot"] for slot in service.status()["slots"] if slot["traffic"] == "UP")
    probe = ["exec", f"{service.folder.name}-staging-app-{live}-1", "/app", "healthcheck"]

    docker("kill", database)
    until(lambda: docker(*probe).returncode == 1, lambda: docker("logs", database).stderr)
    said = docker(*probe).stderr
    docker("start", database)
    until(lambda: service.get("/v1/orders").status == 200, lambda: docker(*probe).stderr)

    assert '"database":{"status":"failed"' in said
    assert "correct DATABASE_URL" in said
    assert service.get(f"/v1/orders/{order['id']}").body == order
    again = service.post("/v1/orders", {"sku": "A-1", "quantity": 1}, **key)
    assert (again.status, again.body) == (201, order)


def test_a_migration_that_fails_half_way_is_told_with_what_stays_and_can_be_mended(service: Service) -> None:
    migration = service.folder / "migrations" / "0002_notes.sql"
    table = "-- +goose Up\nCREATE TABLE IF NOT EXISTS notes (id integer);\n"
    migration.write_text(f"{table}INSERT INTO nowhere VALUES (1);\n")

    failed = service.invoke("deploy", "--env=staging")

    assert failed.returncode == 5, failed.stdout + failed.stderr
    assert "nowhere" in failed.stderr
    assert "had changed stays" in failed.stderr
    assert service.get("/readyz").status == 200

    migration.write_text(table)
    assert "applied 0002_notes.sql" in service.deploy().stdout


def test_without_its_password_a_deploy_is_refused(service: Service) -> None:
    local = service.folder / ".env.staging.local"
    text = local.read_text()
    local.write_text("".join(line for line in text.splitlines(True) if not line.startswith("DATABASE_PASSWORD=")))

    done = service.invoke("deploy", "--env=staging")
    local.write_text(text)

    assert done.returncode == 2
    assert "the environment's database was made with one" in done.stderr
