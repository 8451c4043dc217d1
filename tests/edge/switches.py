"""Deploys and rollbacks under load, for the tests that hold that they lose nothing."""

from __future__ import annotations

from pathlib import Path

from bench.load_client import Load, Report
from bench.routes import SLOW, add_routes

from ..support.service import Service

CONNECTIONS = 50
Switch = tuple[str, ...]
SWITCHES: tuple[Switch, ...] = (
    ("deploy", "--set=LOG_LEVEL=warn"),
    ("rollback",),
    ("deploy", "--set=LOG_LEVEL=error"),
    ("rollback",),
)
"""Deploys that build nothing, as only a value changes, and rollbacks; each leaves the other slot serving."""


def deployed(service: Service) -> Service:
    """Deploy a service that has slow routes."""
    add_routes(service.folder)
    service.commit("Add routes that are slow")
    service.deploy()
    return service


def invoke(service: Service, task: str, *options: str) -> None:
    """Run a task for staging, which has to succeed."""
    done = service.invoke(task, "--env=staging", *options)
    assert done.returncode == 0, done.stdout + done.stderr


def release(service: Service) -> str:
    """The id of the release that serves."""
    return str(service.status()["release"]["id"])


def switch_under_load(service: Service, client: Path, *more: str) -> Report:
    """What a load counts during all switches, each of which has another release serve."""
    with Load(client, service.port, CONNECTIONS, f"-slow={SLOW}", "-ids", *more) as load:
        before = release(service)
        for task, *options in SWITCHES:
            invoke(service, task, *options)
            after = release(service)
            assert after != before
            before = after
        return load.report()


def orders_in_database(service: Service) -> set[str]:
    """The ids of all orders, as the database has them."""
    name = service.folder.name
    query = ("psql", f"--username={name}", f"--dbname={name}", "--tuples-only", "--no-align", "--command")
    done = service.invoke("exec", "--env=staging", "--service=database", "--", *query, "SELECT id FROM orders")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
