"""Engines of the tests' own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from ..support.engines import SecondEngine, ServiceThere
from ..support.service import Service

MakeEngine = Callable[..., AbstractContextManager[SecondEngine]]


@pytest.fixture(scope="module")
def second_engine(tmp_path_factory: pytest.TempPathFactory, base_images: dict[str, str]) -> MakeEngine:
    """Make an engine that has the base images, with features of dockerd as keywords; it is removed in the end."""
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("nsenter"):
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail("a second engine needs root, dockerd and nsenter")
        pytest.skip("a second engine needs root, dockerd and nsenter")

    @contextmanager
    def make(**features: bool) -> Iterator[SecondEngine]:
        made = SecondEngine(tmp_path_factory.mktemp("engine"), **features)
        try:
            made.start()
            made.load(base_images.get("GO_IMAGE", "golang:1.26"), base_images.get("EDGE_IMAGE", "haproxy:3.2"))
            yield made
        finally:
            made.remove()

    return make


@pytest.fixture(scope="module")
def engine(second_engine: MakeEngine) -> Iterator[SecondEngine]:
    """One for the tests of a file; what is mounted in memory goes with its end."""
    with second_engine() as made:
        yield made


@pytest.fixture(scope="module")
def service_there(engine: SecondEngine, make_service: Callable[..., Service]) -> Callable[..., ServiceThere]:
    """Make services without a database that are deployed there."""

    def make(**answers: str) -> ServiceThere:
        made = make_service("docker", kind=ServiceThere, database="none", **answers)
        assert isinstance(made, ServiceThere)
        made.engine = engine
        return made

    return make
