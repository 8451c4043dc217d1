"""Orders of a service, changed by itself and past it, and whether its cache knows."""

from __future__ import annotations

from .databases import sql
from .service import Service


def place(service: Service, sku: str, count: int = 1) -> list[str]:
    """Place orders, and read each so that the cache has it; gives their ids."""
    ids = [str(service.post("/v1/orders", {"sku": sku, "quantity": 1}).body["id"]) for _ in range(count)]
    for each in ids:
        assert service.get(f"/v1/orders/{each}").body["status"] == "placed"
    return ids


def cancel_past_the_service(service: Service, sku: str) -> None:
    """Do what somebody does at the database's own client."""
    sql(service, f"UPDATE orders SET status = 'cancelled', version = version + 1 WHERE sku = '{sku}'")


def stale(service: Service, ids: list[str]) -> int:
    """How many orders are still answered as they were before they were cancelled."""
    return sum(service.get(f"/v1/orders/{each}").body["status"] != "cancelled" for each in ids)
