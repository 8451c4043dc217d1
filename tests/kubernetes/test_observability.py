"""What watches a service in a cluster: alerts fire when they should and else not, and every panel shows something."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.servers import PASSWORD, server
from service_tasks.engine.build.toolchain import find_go
from service_tasks.engine.core.network import free_port

from ..conftest import Render
from ..support.service import request
from ..support.waiting import until
from .prometheus import PROGRAMS, Promtool, scraping

pytestmark = pytest.mark.skipif(not (PROGRAMS / "promtool").exists(), reason="there is no promtool: .ci/prometheus")

WELL = 'http_requests_total{job="orders", namespace="shop", status="200"}'
FAULTS = 'http_requests_total{job="orders", namespace="shop", status="503"}'
FAST = 'http_request_duration_seconds_bucket{job="orders", namespace="shop", le="0.25"}'
ALL = 'http_request_duration_seconds_count{job="orders", namespace="shop"}'
DAY = 1440
"""In minutes."""


@pytest.fixture(scope="module")
def promtool(rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Promtool:
    service = rendered(database="postgres", kubernetes=True, cache="redis", reconciler="log")
    return Promtool.of(service, tmp_path_factory.mktemp("promtool"))


def even(minutes: int, **each: int) -> dict[str, str]:
    """Counters of requests and of times that grow by the same step every minute."""
    names = {"well": WELL, "faults": FAULTS, "fast": FAST, "all": ALL}
    return {names[name]: f"0+{step}x{minutes}" for name, step in each.items()}


@pytest.mark.parametrize(("database", "cache"), [("postgres", "redis"), ("postgres", "none"), ("none", "none")])
def test_prometheus_takes_the_rules(rendered: Render, tmp_path: Path, database: str, cache: str) -> None:
    Promtool.of(rendered(database=database, kubernetes=True, cache=cache), tmp_path).check()


def test_two_percent_of_faults_wake_somebody_within_an_hour(promtool: Promtool) -> None:
    promtool.expect("ErrorBudgetBurn", 60, even(60, well=980, faults=20), "page", "ticket")


@pytest.mark.slow
def test_one_in_250_wakes_nobody_and_makes_a_ticket(promtool: Promtool) -> None:
    promtool.expect("ErrorBudgetBurn", DAY, even(DAY, well=996, faults=4), "ticket")


@pytest.mark.slow
def test_one_fault_in_2000_is_what_the_objective_leaves(promtool: Promtool) -> None:
    for minutes in (60, DAY):
        promtool.expect("ErrorBudgetBurn", minutes, even(minutes, well=1999, faults=1))


def test_an_alert_ends_soon_after_its_cause(promtool: Promtool) -> None:
    faults = "0+20x60 1200+0x40"
    promtool.expect("ErrorBudgetBurn", 100, {WELL: "0+980x100", FAULTS: faults}, "ticket")


def test_a_service_that_nobody_asks_alarms_nobody(promtool: Promtool) -> None:
    promtool.expect("ErrorBudgetBurn", 60, even(60, well=0, faults=0))
    promtool.expect("LatencyBudgetBurn", 60, even(60, fast=0, all=0))


def test_where_no_request_ever_failed_the_share_of_faults_is_known_to_be_zero(promtool: Promtool) -> None:
    promtool.value("namespace_job:http_errors:ratio_rate5m", 30, even(30, well=1000), 0)


def test_slow_answers_wake_somebody(promtool: Promtool) -> None:
    promtool.expect("LatencyBudgetBurn", 60, even(60, fast=800, all=1000), "page", "ticket")
    promtool.expect("LatencyBudgetBurn", 60, even(60, fast=995, all=1000))


def test_changes_that_wait_for_minutes_make_a_ticket(promtool: Promtool) -> None:
    lag = 'changes_lag_seconds{job="orders-reconciler", namespace="shop"}'
    promtool.expect("ChangesBehind", 20, {lag: "0+60x20"}, "ticket")
    promtool.expect("ChangesBehind", 20, {lag: "0 600 600 0+0x17"})


def test_pods_may_be_missing_while_they_are_rolled_and_not_for_ten_minutes(promtool: Promtool) -> None:
    labels = '{deployment="orders", namespace="shop"}'
    series = {
        f"kube_deployment_spec_replicas{labels}": "2x30",
        f"kube_deployment_status_replicas_available{labels}": "1x30",
    }
    promtool.expect("PodsMissing", 9, series)
    promtool.expect("PodsMissing", 11, series, "page")


def test_a_pod_that_is_started_again_and_again_makes_a_ticket(promtool: Promtool) -> None:
    name = 'kube_pod_container_status_restarts_total{pod="orders-abc", container="app", namespace="shop"}'
    promtool.expect("PodRestarts", 15, {name: "0x5 1x25"})
    promtool.expect("PodRestarts", 15, {name: "0+1x30"}, "ticket")


def test_a_service_without_metrics_wakes_somebody_and_one_lost_pod_does_not(promtool: Promtool) -> None:
    first, second = (f'up{{job="orders", namespace="shop", pod="{pod}"}}' for pod in "ab")
    promtool.expect("NothingScraped", 10, {first: "0x10", second: "1x10"})
    promtool.expect("NothingScraped", 10, {first: "0x10", second: "0x10"}, "page")


def test_a_failed_migration_makes_a_ticket(promtool: Promtool) -> None:
    name = 'kube_job_status_failed{job_name="orders-migrate-r1", namespace="shop"}'
    promtool.expect("MigrationFailed", 3, {name: "0x5"})
    promtool.expect("MigrationFailed", 3, {name: "1x5"}, "ticket")


def test_a_cache_that_is_left_alone_for_five_minutes_makes_a_ticket(promtool: Promtool) -> None:
    name = 'cache_breaker_open{job="orders", namespace="shop"}'
    promtool.expect("CacheLeftAlone", 10, {name: "0 1 1 0x10"})
    promtool.expect("CacheLeftAlone", 10, {name: "1x10"}, "ticket")


# --- The dashboard --------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_panel_shows_something_of_a_service_that_runs(rendered: Render, tmp_path: Path) -> None:
    service = rendered(database="none", kubernetes=True)
    require_something_in_every_panel(service, tmp_path)


@pytest.mark.slow
@pytest.mark.docker
def test_every_panel_shows_something_of_a_service_with_a_cache(
    rendered: Render, tmp_path: Path, base_images: dict[str, str]
) -> None:
    service = rendered(database="postgres", cache="redis", kubernetes=True)
    with server("postgres", base_images) as database, server("redis", base_images) as cache:
        require_something_in_every_panel(
            service,
            tmp_path,
            DATABASE_URL=f"postgres://dev:{PASSWORD}@127.0.0.1:{database}/dev",
            REDIS_URL=f"redis://127.0.0.1:{cache}",
        )


def require_something_in_every_panel(service: Path, folder: Path, **values: str) -> None:
    """Fail where a panel of the dashboard stays empty while the service runs and answers."""
    labels = {"job": "orders", "namespace": "shop", "pod": "orders-abc"}
    with running(service, folder, values) as (public, admin), scraping(admin, labels, folder) as prometheus:

        def empty() -> list[str]:
            request("GET", f"http://{public}/v1/orders/none")
            return [title for title, query in queries(service) if not prometheus.query(query)]

        until(lambda: empty() == [], lambda: f"nothing is in {empty()}")


@contextmanager
def running(service: Path, folder: Path, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """A service's process, by the addresses of its API and of its metrics; its database has its schema before."""
    go, binary = find_go(), folder / "orders"
    assert go
    subprocess.run([go, "build", "-o", binary, "./cmd/orders"], cwd=service, check=True, timeout=300)
    ports = free_port(), free_port()
    environment = {**os.environ, "APP_ENV": "dev", "HTTP_PORT": str(ports[0]), "ADMIN_PORT": str(ports[1]), **values}
    if values:
        subprocess.run([binary, "migrate"], env=environment, check=True, capture_output=True, timeout=60)
    process = subprocess.Popen([binary], env=environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: request("GET", f"http://127.0.0.1:{ports[0]}/readyz").status == 200, "the service answers")
        yield f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def queries(service: Path) -> Iterator[tuple[str, str]]:
    """Every query of the dashboard, as Grafana would send it, with its panel."""
    file = service / "deploy/kubernetes/components/observability/dashboard.json"
    document: dict[str, Any] = json.loads(file.read_text())
    for panel in document["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$namespace", "shop").replace("$__rate_interval", "5s")
