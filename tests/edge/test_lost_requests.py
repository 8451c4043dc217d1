"""No request is lost and no order forgotten while releases are switched under load. Nothing here is timed."""

from __future__ import annotations

import csv
import http.client
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.load_client import Load, find_go
from bench.routes import HOLD, LEVEL

from ..support.service import ROOT, Service, docker, git
from ..support.waiting import until
from .switches import CONNECTIONS, deployed, invoke, orders_in_database, release, switch_under_load

pytestmark = pytest.mark.slow

FORMER = "info"


@pytest.fixture(scope="module")
def on_docker(make_service: Callable[..., Service]) -> Service:
    return deployed(make_service("docker"))


@pytest.fixture(scope="module")
def on_processes(make_service: Callable[..., Service]) -> Service:
    return deployed(make_service("process", database="sqlite"))


def orders_by_api(service: Service) -> set[str]:
    """The ids of all orders, page by page."""
    found: set[str] = set()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    cursor = ""
    while True:
        connection.request("GET", f"/v1/orders?limit=100{cursor}")
        page = json.loads(connection.getresponse().read())
        found |= {order["id"] for order in page["items"]}
        if not page.get("next_cursor"):
            connection.close()
            return found
        cursor = f"&cursor={page['next_cursor']}"


def answered(service: Service) -> str:
    """The log level of whoever answers now."""
    answer = service.get(LEVEL)
    return str(answer.body) if answer.status == 200 else f"status {answer.status}"


ORDERS = {"on_docker": orders_in_database, "on_processes": orders_by_api}
on_both = pytest.mark.parametrize("target", [pytest.param("on_docker", marks=pytest.mark.docker), "on_processes"])


@on_both
def test_switches_under_load_lose_no_request_and_no_order(
    target: str, request: pytest.FixtureRequest, load_client: Path
) -> None:
    service: Service = request.getfixturevalue(target)
    report = switch_under_load(service, load_client)

    assert report.reasons == {}
    assert report.total.lost == 0
    assert report.created
    assert set(report.created) - ORDERS[target](service) == set()


@pytest.mark.docker
def test_switches_send_no_request_to_a_release_that_has_ended(on_docker: Service, load_client: Path) -> None:
    """It would not be lost, but wait for an address that nobody has until another slot is tried."""
    before = connections_that_failed(on_docker)
    switch_under_load(on_docker, load_client)

    assert connections_that_failed(on_docker) == before


def connections_that_failed(service: Service) -> int:
    """How often the front door could not connect to a slot, as it counts itself."""
    ask = "exec 3<>/dev/tcp/127.0.0.1/9999; echo 'show stat app 4 -1' >&3; cat <&3"
    said = docker("exec", f"{service.folder.name}-staging-edge-1", "bash", "-c", ask).stdout
    rows = list(csv.DictReader(io.StringIO(said.removeprefix("# "))))
    assert {row["svname"] for row in rows} >= {"blue", "green"}
    return sum(int(row[count] or 0) for row in rows for count in ("econ", "wretr", "wredis"))


@on_both
def test_a_request_that_the_switch_finds_in_flight_is_finished_by_the_former_release(
    target: str, request: pytest.FixtureRequest
) -> None:
    service: Service = request.getfixturevalue(target)
    former = answered(service)
    new = "debug"
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.putrequest("POST", HOLD)
    connection.putheader("Content-Length", "2")
    connection.endheaders()
    connection.send(b"a")

    command = service.command("deploy", "--env=staging", f"--set=LOG_LEVEL={new}")
    deploy = subprocess.Popen(
        command, cwd=service.folder, env=service.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answered(service) == new or deploy.poll() is not None, "the new release does not answer")
        assert deploy.poll() is None, "the deploy did not wait for the request"
        connection.send(b"z")
        answer = connection.getresponse()
        assert (answer.status, answer.read().decode()) == (200, former)
        assert deploy.wait(timeout=60) == 0
    finally:
        connection.close()
        deploy.kill()
        deploy.wait()


@pytest.mark.docker
def test_an_edge_that_is_restarted_finds_the_live_slot_by_itself(on_docker: Service) -> None:
    invoke(on_docker, "deploy", f"--set=LOG_LEVEL={FORMER}")
    before = on_docker.get("/version").body, answered(on_docker), release(on_docker)

    assert docker("restart", "--time=0", f"{on_docker.folder.name}-staging-edge-1").returncode == 0
    until(lambda: on_docker.get("/readyz").status == 200, "the edge does not come back")

    assert (on_docker.get("/version").body, answered(on_docker), release(on_docker)) == before


def test_a_load_counts_what_is_lost(on_processes: Service, load_client: Path) -> None:
    """Else a count of zero would say nothing."""
    with Load(load_client, on_processes.port, CONNECTIONS) as load:
        invoke(on_processes, "down")
        report = load.report()

    assert report.total.lost > 0
    assert sum(report.reasons.values()) == report.total.lost


def test_the_load_is_formatted_and_vetted() -> None:
    folder = ROOT / "bench" / "load"
    if not find_go():
        pytest.skip("there is no Go on the PATH")

    assert git(folder, "ls-files", "*.go")
    assert subprocess.run(["gofmt", "-l", "."], cwd=folder, capture_output=True, text=True, check=True).stdout == ""
    assert subprocess.run(["go", "vet", "./..."], cwd=folder, capture_output=True, check=False).returncode == 0
