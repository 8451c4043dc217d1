"""Fixtures: services that are made from the made-up releases, to be updated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.template_versions import Template
from .updating import Garage, Subject, nothing_proved, rendered_once


@pytest.fixture(scope="session")
def garage(template_versions: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Garage]:
    """Services made from the made-up releases, to be updated in this process."""
    with rendered_once(tmp_path_factory.mktemp("renderings")):
        yield Garage(template_versions, tmp_path_factory.mktemp("garage"))


@pytest.fixture
def orders(garage: Garage) -> Subject:
    """A service made from the first release."""
    return garage.service("v1.0.0")


@pytest.fixture
def unproved() -> Iterator[None]:
    """For tests that are about files: updates neither tidy modules nor build."""
    with nothing_proved():
        yield
