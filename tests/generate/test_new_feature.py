"""A feature that the task writes is sound at once, and is written as a whole or not at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.feature.names import parse_names

from ..conftest import Render
from ..support.service import Service, git
from .checkouts import WITHOUT_TLS, checkout

pytestmark = pytest.mark.slow


@pytest.fixture
def service(rendered: Render, tmp_path: Path) -> Service:
    """A service with all that a feature has a part in; what it is compiled of is that of others."""
    made = checkout(rendered(database="postgres", guard="rules", auth="jwt"), tmp_path)
    made.env["GOFLAGS"] = "-trimpath"
    return made


def changes(service: Service) -> list[str]:
    """What is different from the last commit."""
    return git(service.folder, "status", "--porcelain", "--untracked-files=all").splitlines()


def test_what_it_writes_passes_all_checks_at_once(service: Service) -> None:
    added = service.invoke("new.feature", "inventory-entry")
    linted = service.invoke("lint")
    tested = service.invoke("test")

    assert added.returncode == 0, added.stdout + added.stderr
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "internal/inventoryentry" in tested.stdout
    assert "CREATE TABLE inventory_entries" in (
        service.folder / "migrations" / "0002_create_inventory_entries.sql"
    ).read_text(encoding="utf-8")
    assert "GET /v1/inventory-entries/:id" in (service.folder / "internal/app/features.go").read_text(encoding="utf-8")
    left = subprocess.run(
        ["grep", "-rniE", "--exclude-dir=_feature", "gadget|[«»]", "internal", "api", "migrations"],
        cwd=service.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert left.stdout == ""


@pytest.mark.docker
@pytest.mark.parametrize("database", WITHOUT_TLS)
def test_its_store_keeps_its_promises_in_a_real_server(
    database: str, rendered: Render, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    service = checkout(rendered(database=database), tmp_path)
    service.invoke("new.feature", "customer")

    done = subprocess.run(
        ["go", "test", "-trimpath", "-tags", "nomsgpack", "-v", "./internal/customer"],
        cwd=service.folder,
        env={**os.environ, "TEST_DATABASE_URL": f"{request.getfixturevalue(database)}?{WITHOUT_TLS[database]}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIP" not in done.stdout
    assert "Store/pages" in done.stdout


def test_a_second_one_of_the_same_name_is_refused_and_changes_nothing(service: Service) -> None:
    service.invoke("new.feature", "customer")
    before = changes(service)

    again = service.invoke("new.feature", "customer")

    assert again.returncode == 2
    assert "internal/customer is there already" in again.stderr
    assert changes(service) == before


@pytest.mark.parametrize(
    ("path", "old", "said"),
    [
        ("internal/app/features.go", "type features struct {", "customers customer.Store"),
        ("api/openapi.yaml", "  schemas:", 'there is no "schemas:"'),
    ],
)
def test_a_page_that_has_no_place_for_it_any_more_is_told_and_nothing_is_written(
    service: Service, path: str, old: str, said: str
) -> None:
    service.edit(path, old, "// " + old)
    before = changes(service)

    refused = service.invoke("new.feature", "customer")

    assert refused.returncode == 2, refused.stdout
    assert path in refused.stderr
    assert said in refused.stderr
    assert changes(service) == before


@pytest.mark.parametrize("name", ["Customer", "price_list", "-x", "x-", "7th", "func", "platform", "ü", "a" * 41, ""])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageFault):
        parse_names(name)


@pytest.mark.parametrize(
    ("one", "several", "told"),
    [
        ("customer", "", "customer customers Customer Customers a customer"),
        ("inventory-entry", "", "inventoryentry inventoryEntries InventoryEntry InventoryEntries an inventory entry"),
        ("box", "", "box boxes Box Boxes a box"),
        ("person", "people", "person people Person People a person"),
    ],
)
def test_its_names_are_those_of_go_and_of_english(one: str, several: str, told: str) -> None:
    assert parse_names(one, several).replaced("gadget gadgets Gadget Gadgets «a gadget»") == told
