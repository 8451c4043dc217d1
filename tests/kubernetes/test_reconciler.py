"""A reconciler in a cluster: one pod beside the service, which repairs the cache whoever has changed the database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from maintain.base_images import OFFICIAL

from ..hosts.remote_hosts import Registry
from ..support.service import change, docker
from ..support.waiting import until
from .cluster import ServiceInCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]

OVERLAY = "deploy/kubernetes/overlays/staging/kustomization.yaml"
CHANGE = "UPDATE orders SET status = 'cancelled', version = version + 1 WHERE id = '{}'"
FOLLOWED = {"log": {"reconciler": "log"}, "events": {"reconciler": "events", "events": "kafka"}}
CLIENTS = {
    "postgres": 'psql --quiet --username="$POSTGRES_USER" --command="$0"',
    "mysql": 'mysql --user=root --password="$(cat "$MYSQL_ROOT_PASSWORD_FILE")" --execute="$0" "$MYSQL_DATABASE"',
}


@pytest.fixture(
    scope="module",
    params=[
        ("postgres", "events"),
        pytest.param(("postgres", "log"), marks=pytest.mark.full),
        pytest.param(("mysql", "log"), marks=pytest.mark.full),
    ],
    ids="-".join,
)
def service(
    request: pytest.FixtureRequest,
    make_in_cluster: Callable[..., ServiceInCluster],
    volumes: Callable[[], None],
    registry: Registry,
    base_images: dict[str, str],
) -> ServiceInCluster:
    """A service with the database, the cache and the broker of its namespace."""
    database, followed = request.param
    made = make_in_cluster(database=database, cache="redis", **FOLLOWED[followed])
    names = [database, "redis", *(["kafka"] if followed == "events" else [])]
    for name in names:
        if name != "redis":  # which keeps nothing on a disk
            volumes()
        setting = f"{name.upper()}_IMAGE"
        image = f"{registry.address}/{OFFICIAL[setting]}"
        own = base_images.get(setting, OFFICIAL[setting])
        for words in (("tag", own, image), ("push", "--quiet", image)):
            assert docker("image", *words).returncode == 0
        official = OFFICIAL[setting].partition(":")[0]
        made.edit(OVERLAY, "images:\n", f"images:\n  - name: {official}\n    newName: {registry.address}/{official}\n")
    made.deploy()
    return made


def test_it_is_rolled_with_the_service_and_repairs_what_somebody_else_changes(
    service: ServiceInCluster, request: pytest.FixtureRequest
) -> None:
    change(service)
    service.deploy()
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 1}).body
    path = f"/v1/orders/{order['id']}"
    assert service.get(path).body["status"] == "placed"
    client = CLIENTS["postgres" if "POSTGRES_USER" in str(service.read("statefulset")) else "mysql"]

    service.kubectl("exec", f"{service.folder.name}-database-0", "--", "bash", "-c", client, CHANGE.format(order["id"]))

    until(lambda: service.get(path).body["status"] == "cancelled", "the change is not seen")
    shown = service.status()["processes"]
    assert {each["process"] for each in shown} in ({"reconciler"}, {"publisher", "reconciler"})
    assert [each["healthy"] for each in shown] == [1] * len(shown)
    assert {each["release"] for each in shown} == {service.status()["release"]["id"]}
