"""Requests that cannot be sent twice, under roll-outs and rollbacks: none is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.load_client import Load, build, find_go

from ..edge.switches import SWITCHES, deployed, invoke, release, switch_under_load
from .cluster import ServiceInCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]

PODS = 3
POSTS = 100_000
TURNS = 10
CONNECTIONS = 100
SECONDS = 20
"""Of load for each switch at least."""


def test_no_request_is_lost_by_roll_outs_and_rollbacks(service: ServiceInCluster, tmp_path: Path) -> None:
    if not find_go():
        pytest.skip("the load is compiled by Go")
    deployed(service)
    service.scale(PODS)

    report = switch_under_load(service, build(tmp_path), f"-url={service.address()}")

    assert (report.total.lost, report.reasons) == (0, {})
    assert report.total.requests > 1000


@pytest.mark.full
def test_a_hundred_thousand_posts_are_answered_during_ten_roll_outs_and_rollbacks(
    service: ServiceInCluster, tmp_path: Path
) -> None:
    client = build(tmp_path)
    deployed(service)
    service.scale(PODS)
    created = 0
    for number in range(TURNS):
        with Load(client, service.port, CONNECTIONS, "-ids", f"-url={service.address()}") as load:
            ends, before = time.monotonic() + SECONDS, release(service)
            task, *options = SWITCHES[number % len(SWITCHES)]
            invoke(service, task, *options)
            assert release(service) != before
            time.sleep(max(0.0, ends - time.monotonic()))
            report = load.report()
        assert (report.total.lost, report.reasons) == (0, {})
        created += len(set(report.created))

    assert created >= POSTS
