"""A new release that dies at any step of its deploy: what clients lose, and what serves in the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.sampling import some_of
from ..support.service import Service
from ..support.strikes import (
    Strike,
    crash,
    history,
    idle_slot,
    killed_for_good,
    level_of,
    lost,
    next_level,
    served_levels,
    under_load,
    with_levels,
)
from ..support.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.slow]
BEFORE_THE_SWITCH = ("healthy", "admit")
"""Steps of some milliseconds: the deployer stands still in them until the release is dead."""


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


@pytest.mark.parametrize("die", [crash, killed_for_good])
@pytest.mark.parametrize(
    "step", some_of(["healthy", "admit", "verify", "drain", "retire"], ["healthy", "admit", "drain"])
)
def test_a_release_that_dies_at_a_step_gives_way_to_the_former_one_or_has_succeeded(
    service: Service, step: str, die: Callable[[Service, str], None]
) -> None:
    before, slot, wanted = served_levels(service), idle_slot(service), next_level(service)
    with under_load(service) as load:
        deploy = Strike(service, "deploy", f"--set=LOG_LEVEL={wanted}")
        deploy.reach(step)
        if step in BEFORE_THE_SWITCH:
            deploy.stand_still()
        die(service, slot)
        deploy.go_on()
        done = deploy.end()
        until(lambda: service.get("/readyz").status == 200, "nothing serves")
        expected = {0: {wanted}, 5: before}
        assert served_levels(service) == expected[done.returncode]
    assert {level_of(service, service.status()["release"])} == expected[done.returncode]
    assert history(service)[0]["outcome"] == ("failed" if done.returncode else "done")
    assert "Traceback" not in done.stderr
    if step in BEFORE_THE_SWITCH:
        assert done.returncode == 5
        assert lost(load) == 0
        assert "exit code 137" in done.stderr
