"""Maintenance: the front door answers by itself, releases are switched behind it, and a restart forgets nothing."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import Message
from pathlib import Path

import pytest

from ..support.service import Service, docker, request

pytestmark = pytest.mark.slow

PROBE = {"X-Copier-Gin-Probe": "test"}
PROBES = ("/livez", "/readyz", "/startupz", "/version")
CLOSED = {"title": "Maintenance", "status": 503, "detail": "the service is under maintenance"}


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    made = make_service(request.param, database="sqlite")
    made.deploy()
    return made


@pytest.fixture
def closed(service: Service) -> Iterator[Service]:
    """The service during maintenance; it serves again afterwards."""
    assert switch(service, "--on") is True
    yield service
    assert switch(service, "--off") is False
    assert service.get("/v1/orders").status == 200


def switch(service: Service, *words: str) -> bool:
    """Run the task; gives what it says of maintenance."""
    done = service.invoke("maintenance", "--env=staging", "--json", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["service"], document["env"]) == (service.folder.name, "staging")
    return bool(document["maintenance"])


def answer(service: Service, accept: str) -> tuple[int, Message, str]:
    """Status, headers and body for a client that accepts a type."""
    call = urllib.request.Request(f"http://127.0.0.1:{service.port}/", headers={"Accept": accept})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=10)
    return refusal.value.code, refusal.value.headers, refusal.value.read().decode()


def identity(service: Service) -> str:
    """What changes when the front door is started anew or reloaded: its process."""
    if not is_docker(service):
        return pid_of_the_door(service)
    processes = docker("top", edge(service), "-o", "pid,args")
    assert "haproxy" in processes.stdout
    return processes.stdout


def is_docker(service: Service) -> bool:
    return "target: docker" in (service.folder / "invoke.yaml").read_text()


def edge(service: Service) -> str:
    return f"{service.folder.name}-staging-edge-1"


def pid_of_the_door(service: Service) -> str:
    """The process that listens to the front door's port, by its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_text().split("\0")
            if words[0].endswith("front-door") and f"127.0.0.1:{service.port}" in words:
                return path.parent.name
    raise AssertionError("the front door does not run")


def test_every_request_is_closed_and_says_when_to_come_back(closed: Service) -> None:
    for path in ("/", "/v1/orders", *PROBES):
        assert (closed.get(path).status, closed.get(path).body) == (503, CLOSED), path
    assert closed.post("/v1/orders", {"sku": "A-1", "quantity": 1}).status == 503
    status, headers, body = answer(closed, "application/json")
    assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "120")
    assert json.loads(body) == CLOSED


def test_browsers_get_a_page(closed: Service) -> None:
    status, headers, body = answer(closed, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")

    assert (status, headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert (headers["Retry-After"], headers["Cache-Control"]) == ("120", "no-store")
    assert "under maintenance" in body
    assert body == (closed.folder / "edge/process/maintenance.html").read_text()


def test_the_header_of_the_tasks_opens_probes_and_nothing_else(closed: Service) -> None:
    url = f"http://127.0.0.1:{closed.port}"
    for path in PROBES:
        assert request("GET", url + path, headers=PROBE).status == 200, path
    assert request("GET", f"{url}/v1/orders", headers=PROBE).status == 503
    assert request("POST", f"{url}/v1/orders", {"sku": "A-1", "quantity": 1}, PROBE).status == 503
    assert request("GET", f"{url}/version/../v1/orders", headers=PROBE).status != 200


def test_status_tells_of_maintenance_and_of_what_is_behind_it(service: Service) -> None:
    assert service.status()["maintenance"] is False
    switch(service, "--on")
    during = service.status()
    switch(service, "--off")

    assert during["maintenance"] is True
    assert during["state"] == "serving"
    assert service.status()["maintenance"] is False


def test_turning_it_on_and_off_again_does_not_touch_the_front_doors_process(service: Service) -> None:
    before = identity(service)

    assert [switch(service, word) for word in ("--on", "--on", "--off", "--off")] == [True, True, False, False]

    assert identity(service) == before


def test_releases_are_deployed_and_rolled_back_behind_the_page(closed: Service) -> None:
    before = closed.status()["release"]["id"]

    closed.deploy("--set", "LOG_LEVEL=debug")
    deployed = closed.status()["release"]["id"]
    assert closed.get("/version").status == 503
    done = closed.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert deployed != before
    assert closed.status()["release"]["id"] == before
    assert closed.get("/version").body == CLOSED


def test_a_front_door_that_is_started_anew_is_still_closed(closed: Service) -> None:
    if is_docker(closed):
        assert docker("restart", edge(closed)).returncode == 0
    else:
        os.kill(int(pid_of_the_door(closed)), signal.SIGKILL)
    up = closed.invoke("up", "--env=staging")

    assert up.returncode == 0, up.stderr
    assert closed.get("/v1/orders").body == CLOSED
    assert switch(closed) is True


def test_both_words_at_once_are_a_mistake(service: Service) -> None:
    done = service.invoke("maintenance", "--env=staging", "--on", "--off")

    assert done.returncode == 2
    assert "exclude each other" in done.stderr
    assert switch(service) is False


def test_a_dry_run_changes_nothing(service: Service) -> None:
    done = service.invoke("--dry", "maintenance", "--env=staging", "--on")

    assert done.returncode == 0
    assert "would: turn maintenance on" in done.stdout
    assert service.get("/v1/orders").status == 200


def test_without_a_front_door_it_says_what_to_do(make_service: Callable[..., Service]) -> None:
    done = make_service("process", database="sqlite").invoke("maintenance", "--env=staging", "--on")

    assert done.returncode == 5
    assert "there is no front door that runs" in done.stderr
    assert "Traceback" not in done.stderr
