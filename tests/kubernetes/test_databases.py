"""Services with a database in a cluster: the database's own pod, migrations as a Job, and one pod for SQLite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..hosts.remote_hosts import Registry
from ..support.service import docker
from .cluster import ServiceInCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]

OVERLAY = "deploy/kubernetes/overlays/staging/kustomization.yaml"
BROKEN = "-- +goose Up\nSELECT nothing FROM nowhere;\n\n-- +goose Down\nSELECT 1;\n"


@pytest.fixture(scope="module")
def on_postgres(
    make_in_cluster: Callable[..., ServiceInCluster],
    volumes: Callable[[], None],
    registry: Registry,
    base_images: dict[str, str],
) -> ServiceInCluster:
    """A service that was deployed with the database of its namespace."""
    image = f"{registry.address}/postgres:17"
    for words in (("tag", base_images.get("POSTGRES_IMAGE", "postgres:17"), image), ("push", "--quiet", image)):
        assert docker("image", *words).returncode == 0
    service = make_in_cluster(database="postgres")
    volumes()
    own = f"images:\n  - name: postgres\n    newName: {registry.address}/postgres\n    newTag: '17'\n"
    service.edit(OVERLAY, "images:\n", own)
    service.deploy()
    return service


def test_a_password_is_made_and_orders_outlive_a_deploy(on_postgres: ServiceInCluster) -> None:
    order = on_postgres.post("/v1/orders", {"sku": "A-1", "quantity": 1}).body

    on_postgres.deploy("--set=LOG_LEVEL=warn")

    assert on_postgres.get(f"/v1/orders/{order['id']}").body == order
    assert "DATABASE_PASSWORD=" in (on_postgres.folder / ".env.staging.local").read_text()


@pytest.mark.parametrize(("drill", "victim"), [("kill", "pod/{}-"), ("restart-database", "pod/{}-database-0")])
def test_no_order_is_missing_after_a_drill(on_postgres: ServiceInCluster, drill: str, victim: str) -> None:
    done = on_postgres.invoke(f"drill.{drill}", "--env=staging", "--seconds=6", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["container"].startswith(victim.format(on_postgres.folder.name))
    assert (report["passed"], report["orders_missing"]) == (True, 0)
    assert report["orders_acknowledged"] > 10
    assert on_postgres.status()["state"] == "serving"


def test_a_migration_that_fails_is_told_and_the_former_release_serves(on_postgres: ServiceInCluster) -> None:
    before = on_postgres.get("/version").body
    migration = on_postgres.folder / "migrations" / "0099_broken.sql"
    migration.write_text(BROKEN)
    try:
        done = on_postgres.invoke("deploy", "--env=staging")
    finally:
        migration.unlink()

    assert done.returncode == 5, done.stdout + done.stderr
    assert "the migrations failed" in done.stderr
    assert "nowhere" in done.stderr
    assert on_postgres.get("/version").body == before
    jobs = [job for job in on_postgres.read("jobs")["items"] if "deletionTimestamp" not in job["metadata"]]
    assert [job["status"] for job in jobs if not job["status"].get("succeeded")] == []


def test_a_database_for_trials_is_refused_for_prod(on_postgres: ServiceInCluster, registry: Registry) -> None:
    text = (on_postgres.folder / OVERLAY).read_text()
    prod = Path(on_postgres.folder, OVERLAY.replace("staging", "prod"))
    prod.write_text(text.replace("staging", "prod"))
    settings = f"target: kubernetes\n    contexts: [copier-gin]\n    registry: {registry.address}/tests\n"
    on_postgres.edit("invoke.yaml", "  prod:\n    target: docker\n", f"  prod:\n    {settings}")

    done = on_postgres.invoke("deploy", "--env=prod", "--set=DATABASE_PASSWORD=not-of-this-world", "--plan")

    assert done.returncode == 2
    assert "is for trials, not for prod" in done.stderr


def test_sqlite_has_one_pod_whose_orders_outlive_a_deploy(
    make_in_cluster: Callable[..., ServiceInCluster], volumes: Callable[[], None]
) -> None:
    service = make_in_cluster(database="sqlite")
    volumes()
    service.deploy()
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 1}).body

    service.deploy("--set=LOG_LEVEL=warn")

    assert len(service.pods()) == 1
    assert service.get(f"/v1/orders/{order['id']}").body == order
