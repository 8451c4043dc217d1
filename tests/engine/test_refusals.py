"""What goes wrong between the tasks and an engine is told as a fault, whatever a target was asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from requests.exceptions import ConnectionError as NoConnection

from service_tasks.engine.build.source import BuildInfo
from service_tasks.engine.core.errors import EngineGoneFault
from service_tasks.engine.docker.target import DockerTarget


def test_an_engine_that_ends_while_it_is_asked_for_a_build_is_one_that_is_gone() -> None:
    def refused(_: BuildInfo) -> str:
        raise NoConnection("Connection aborted.", FileNotFoundError(2, "No such file or directory"))

    target = DockerTarget.__new__(DockerTarget)
    target._images = SimpleNamespace(build=refused, package=refused)  # type: ignore[assignment]
    info = BuildInfo.__new__(BuildInfo)

    for asked in (target.build, target.package):
        with pytest.raises(EngineGoneFault):
            asked(info)
