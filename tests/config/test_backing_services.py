"""The database and the cache of a stack: which of them are its own, how they get a password, and who reaches them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.settings import Environment, Settings
from service_tasks.engine.docker.compose import ComposeProject
from service_tasks.engine.docker.endpoint import LOCAL, Endpoint

OWN = {"DATABASE_URL": "postgres://orders@database:5432/orders", "REDIS_URL": "redis://cache:6379"}


def stack(
    folder: Path, database: str = "postgres", cache: str = "none", development: bool = False, **urls: str
) -> ComposeProject:
    """The compose project of staging, with the stack's own URLs but for those that are given."""
    root = folder / "orders"
    root.mkdir(exist_ok=True)
    (root / ".env.example").write_text(
        "DATABASE_URL=\n\n# @sensitive\nDATABASE_PASSWORD=\n\nREDIS_URL=\n\nEDGE_PORT=1\n"
    )
    (root / ".env.staging").write_text("".join(f"{name}={url}\n" for name, url in {**OWN, **urls}.items()))
    (root / "docker-compose.yml").write_text("services: {}\n")
    environment = Environment("staging", development=development)
    settings = Settings("orders", database, {"staging": environment}, cache)
    configuration = Environments(root, ["staging"]).configuration(environment)
    return ComposeProject(root, folder / "state", settings, configuration, Endpoint(LOCAL))


def document(of: ComposeProject) -> Any:
    """What is added to the compose file."""
    return json.loads(of.write_stack().read_text())


def test_the_database_gets_its_password_as_a_file(tmp_path: Path) -> None:
    added = document(stack(tmp_path))

    database = added["services"]["database"]
    assert database["environment"] == {"POSTGRES_PASSWORD_FILE": "/run/secrets/DATABASE_PASSWORD"}
    assert database["volumes"] == ["database-memory:/run/secrets:ro"]
    assert set(added["volumes"]) == {"database-memory"}


def test_mysql_gets_its_users_and_roots_password_as_a_file(tmp_path: Path) -> None:
    of = stack(tmp_path, database="mysql")

    password = "/run/secrets/DATABASE_PASSWORD"
    environment = document(of)["services"]["database"]["environment"]
    assert environment == {"MYSQL_PASSWORD_FILE": password, "MYSQL_ROOT_PASSWORD_FILE": password}
    assert (of.env()["MYSQL_PASSWORD"], of.env()["MYSQL_ROOT_PASSWORD"]) == ("", "")


@pytest.mark.parametrize(("database", "port"), [("postgres", 5432), ("mysql", 3306)])
def test_what_is_the_stacks_own_is_reached_from_the_machine_in_development_alone(
    tmp_path: Path, database: str, port: int
) -> None:
    published = {}
    for development in (True, False):
        services = document(stack(tmp_path, database, "redis", development))["services"]
        published[development] = [services[name].get("ports") for name in ("database", "cache")]

    assert published == {True: [[f"127.0.0.1::{port}"], ["127.0.0.1::6379"]], False: [None, None]}


def test_the_stack_starts_what_is_its_own_and_nothing_that_a_url_leads_away_from(tmp_path: Path) -> None:
    elsewhere = "rediss://user@redis.example.com:6380/1"

    assert stack(tmp_path).services == ["edge", "database"]
    assert stack(tmp_path, cache="redis").services == ["edge", "database", "cache"]
    assert stack(tmp_path, cache="redis", REDIS_URL=elsewhere).services == ["edge", "database"]
    assert "cache" not in document(stack(tmp_path, cache="redis", REDIS_URL=elsewhere))["services"]
    assert stack(tmp_path, database="sqlite", DATABASE_URL="sqlite:data/orders.db").services == ["edge"]


def test_a_service_of_the_users_own_may_be_called_cache_where_the_option_is_off(tmp_path: Path) -> None:
    assert "cache" not in stack(tmp_path).template_services
    assert "cache" in stack(tmp_path, cache="redis").template_services
