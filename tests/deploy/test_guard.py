"""A service that is deployed holds requests to its rules, whatever happens to the file that they are in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ..support.databases import container
from ..support.service import Answer, Service, docker
from ..support.waiting import until

pytestmark = pytest.mark.slow
ORDER = {"sku": "A-1", "quantity": 1}
ONE_AN_HOUR = {"resource": "POST /v1/orders", "threshold": 1, "statIntervalInMs": 3_600_000, "burst": 1}


def rules(*flow: dict[str, Any], isolation: int = 64) -> str:
    """A set of rules in JSON; sets with other numbers of requests at once are other sets."""
    return json.dumps({"flow": flow, "isolation": [{"resource": "POST /v1/orders", "threshold": isolation}]})


def place(service: Service) -> Answer:
    """Try to place an order."""
    return service.post("/v1/orders", ORDER)


@pytest.fixture(scope="module")
def stack(make_service: Callable[..., Service]) -> Service:
    """A service with its database, deployed with the rules of the template."""
    made = make_service("docker", database="postgres", guard="rules")
    made.deploy()
    return made


@pytest.mark.docker
def test_who_orders_too_often_is_told_when_to_come_back(stack: Service) -> None:
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: place(stack), range(400)))

    assert {each.status for each in answers} == {201, 429}
    refused = next(each for each in answers if each.status == 429)
    assert refused.body["title"] == "Too Many Requests"
    assert stack.get("/v1/orders").status == 200
    until(lambda: place(stack).status == 201, "no order is taken any more")


@pytest.mark.docker
def test_a_database_that_is_away_is_left_alone_and_asked_again_once_it_is_back(stack: Service) -> None:
    docker("kill", container(stack, "database"))

    def left_alone() -> bool:
        return stack.get("/v1/orders").status == 503 and "left alone" in last_failure(stack)

    until(left_alone, "its circuit breaker does not open")
    assert stack.invoke("up", "--env=staging").returncode == 0
    until(lambda: stack.get("/v1/orders").status == 200, "the database is not asked any more")


def last_failure(service: Service) -> str:
    """What the service's log says of the last request that failed."""
    lines = docker("logs", "--tail", "20", container(service, "app")).stdout.splitlines()
    return next((line for line in reversed(lines) if "order request failed" in line), "")


@pytest.fixture(scope="module")
def files(
    make_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Path]]:
    """A service on this machine whose rules are in a file."""
    made = make_service("process", database="none", guard="rules")
    path = tmp_path_factory.mktemp("rules") / "rules.json"
    path.write_text(rules())
    with (made.folder / ".env.staging.local").open("a") as values:
        values.write(f"RULES_FILE={path}\n")
    made.deploy()
    yield made, path


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def moved(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def as_a_config_map(path: Path, text: str) -> None:
    """As kubelet does it: a new folder, and a link to it that is moved over the former one."""
    folder = path.parent / f"..{time.monotonic_ns()}"
    folder.mkdir()
    (folder / path.name).write_text(text)
    link = path.parent / "..data_tmp"
    link.symlink_to(folder)
    link.replace(path.parent / "..data")
    if not path.is_symlink():
        path.unlink()
        path.symlink_to(Path("..data") / path.name)


@pytest.mark.parametrize("swap", [in_place, moved, as_a_config_map])
def test_rules_are_in_force_all_the_time_while_their_file_is_swapped_emptied_and_wrong(
    files: tuple[Service, Path], swap: Callable[[Path, str], None]
) -> None:
    service, path = files
    swap(path, rules())
    until(lambda: [place(service).status for _ in range(3)] == [201] * 3, "orders are still refused")
    swap(path, rules(ONE_AN_HOUR))
    until(lambda: [place(service).status for _ in range(3)] == [429] * 3, "the rules are not in force")

    taken = 0
    for number in range(8):
        for text in (rules(ONE_AN_HOUR, isolation=10 + number), "", "{", rules({**ONE_AN_HOUR, "threshold": -1})):
            swap(path, text)
            ends = time.monotonic() + 0.15
            while time.monotonic() < ends:
                taken += place(service).status != 429
    os.truncate(path, 5)
    taken += sum(place(service).status != 429 for _ in range(50))

    assert taken == 0
