"""Rules of the guard are changed while the service runs, and it says itself whether they are right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ..support.service import Service, same_release_serves
from ..support.waiting import until

pytestmark = pytest.mark.slow
ONE_AN_HOUR = {"resource": "POST /v1/orders", "threshold": 1, "statIntervalInMs": 3_600_000, "burst": 1}


@pytest.fixture(
    scope="module",
    params=[pytest.param("docker", marks=pytest.mark.docker), pytest.param("process", marks=pytest.mark.full)],
)
def service(make_service: Callable[..., Service], request: pytest.FixtureRequest) -> Service:
    """A service that is deployed with the rules of the template."""
    made = make_service(request.param, database="none", guard="rules")
    made.deploy()
    return made


def taken(service: Service) -> set[int]:
    """What five orders are answered."""
    return {service.post("/v1/orders", {"sku": "A-1", "quantity": 1}).status for _ in range(5)}


def write(service: Service, **rules: list[dict[str, Any]]) -> None:
    """Have other rules in the checkout."""
    (service.folder / "configs" / "rules.json").write_text(json.dumps(rules))


def test_rules_of_the_checkout_are_in_force_without_a_restart_and_until_another_release_serves(
    service: Service,
) -> None:
    assert taken(service) == {201}
    with same_release_serves(service):
        write(service, flow=[ONE_AN_HOUR])
        applied = service.invoke("rules.apply", "--env=staging")
        again = service.invoke("rules.apply", "--env=staging")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "in force in" in applied.stdout
    assert "has these rules already" in again.stdout
    assert 429 in taken(service)

    service.edit("configs/rules.json", "3600000", "1000")
    service.edit("configs/rules.json", '"threshold": 1', '"threshold": 1000')
    service.edit("configs/rules.json", '"burst": 1', '"burst": 1000')
    service.deploy()

    until(lambda: taken(service) == {201}, "the rules of the former release are in force still")


def test_wrong_rules_are_refused_with_what_is_wrong_and_change_nothing(service: Service) -> None:
    write(service, flow=[{"resource": "POST /v1/ordres", "threshold": 1}], isolation=[{"resource": "database"}])

    refused = service.invoke("rules.apply", "--env=staging")

    assert refused.returncode == 5
    assert "the rules are refused" in refused.stderr
    assert "POST /v1/ordres" in refused.stderr
    assert "those that were in force stay" in refused.stderr
    assert taken(service) == {201}


def test_a_file_that_is_not_there_and_an_environment_that_is_down_are_told(service: Service) -> None:
    missing = service.invoke("rules.apply", "--env=staging", "--file=none.json")
    down = service.invoke("rules.apply", "--env=prod")

    assert missing.returncode == 2
    assert "none.json" in missing.stderr
    assert down.returncode == 5
    assert "nothing serves" in down.stderr or "no release serves" in down.stderr
