"""The tests of a service find its servers in the stack for development, so that none is skipped for want of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from maintain.rendering import write_local_values
from service_tasks.engine.core.network import free_port

from ..support.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.docker]
NEEDING_SERVERS = ("-v", "-run", "TestAnOrderGoesThrough|TestAnEntry|Store", "./internal/app", "./internal/order")


@pytest.fixture(scope="module", params=["postgres", pytest.param("mysql", marks=pytest.mark.full)])
def service(
    make_service: Callable[..., Service], base_images: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[Service]:
    """A service that was never deployed."""
    made = make_service("docker", database=request.param, cache="redis", auth="jwt")
    write_local_values(made.folder, {**base_images, "EDGE_PORT": str(free_port())}, ("dev",))
    yield made
    made.invoke("down", "--env=dev", "--volumes", "--yes")


def test_with_integration_nothing_is_skipped_and_the_whole_service_is_tried(service: Service) -> None:
    done = service.invoke("test", "--integration", "--cover", "--", *NEEDING_SERVERS, timeout=600)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "--- PASS: TestAnOrderGoesThroughTheWholeService" in done.stdout
    assert "--- SKIP" not in done.stdout
    assert "total:" in done.stdout.splitlines()[-1]
    assert (service.folder / "dist" / "coverage.out").exists()
    assert "for-development-only" not in done.stdout + done.stderr


def test_the_race_detector_is_missed_where_it_is_asked_for(service: Service) -> None:
    service.env["PATH"] = "/usr/local/go/bin"

    refused = service.invoke("test", "--race")

    assert refused.returncode == 3
    assert "needs a C compiler" in refused.stderr
