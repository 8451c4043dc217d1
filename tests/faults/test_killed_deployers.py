"""A deployer that is killed at any step: the service goes on serving, and the next deploy converges by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.relay import add_processes
from ..support.sampling import some_of
from ..support.service import Service, docker, kept
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
    slot_states,
    under_load,
    with_levels,
)
from ..support.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ADMITTED = ("drain", "retire", "record")


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    return with_levels(make_service("docker", database="none"))


def kill_at(service: Service, step: str, *words: str, task: str = "deploy") -> None:
    """Kill a task as soon as a step of it begins."""
    under_way = Strike(service, task, *words)
    under_way.reach(step)
    under_way.kill()


PAIRS = (
    ("check", "record"),
    ("build", "retire"),
    ("image", "drain"),
    ("ship", "verify"),
    ("migrate", "admit"),
    ("start", "healthy"),
)


@pytest.mark.parametrize("steps", some_of(PAIRS, [PAIRS[0], PAIRS[2], PAIRS[4]]), ids=" and ".join)
def test_killed_at_one_step_and_then_at_another_it_leaves_a_release_serving_and_the_next_deploy_converges(
    service: Service, steps: tuple[str, ...]
) -> None:
    with under_load(service) as load:
        for step in steps:
            before, wanted = served_levels(service), next_level(service)
            kill_at(service, step, f"--set=LOG_LEVEL={wanted}")

            serving = served_levels(service)
            assert serving == {level_of(service, service.status()["release"])}, (
                "one release answers, and status names it"
            )
            if step in ADMITTED:
                assert serving == {wanted}
            elif step not in ("admit", "verify"):
                assert serving == before

        wanted = next_level(service)
        done = service.deploy(f"--set=LOG_LEVEL={wanted}")

    assert lost(load) == 0
    assert "took over the lock of deploy --env=staging by " in done.stdout
    assert served_levels(service) == {wanted}
    assert slot_states(service) == ["running", "stopped"]
    assert {each["outcome"] for each in history(service)} <= {"done", "failed"}


@pytest.mark.parametrize("step", ["verify", "drain"])
def test_deploying_again_what_a_killed_deployer_has_switched_to_finishes_its_work(service: Service, step: str) -> None:
    wanted = next_level(service)
    kill_at(service, step, f"--set=LOG_LEVEL={wanted}")
    until(lambda: served_levels(service) == {wanted}, "the switch was not made")
    assert slot_states(service) == ["running", "running"]

    done = service.deploy(f"--set=LOG_LEVEL={wanted}")

    assert "Nothing to do" in done.stdout
    assert served_levels(service) == {wanted}
    assert slot_states(service) == ["running", "stopped"]
    assert history(service)[0]["outcome"] == "done"


def test_a_rollback_that_is_killed_after_its_switch_has_rolled_back(service: Service) -> None:
    former = next(iter(served_levels(service)))
    service.deploy(f"--set=LOG_LEVEL={next_level(service)}")
    with under_load(service) as load:
        kill_at(service, "drain", task="rollback")

        assert served_levels(service) == {former} == {level_of(service, service.status()["release"])}
        wanted = next_level(service)
        service.deploy(f"--set=LOG_LEVEL={wanted}")

    assert lost(load) == 0
    assert served_levels(service) == {wanted}


def test_what_a_killed_deployer_switched_to_can_be_rolled_back_at_once(service: Service) -> None:
    former = served_levels(service)
    kill_at(service, "verify", f"--set=LOG_LEVEL={next_level(service)}")

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert served_levels(service) == former


@pytest.mark.parametrize("die", [crash, killed_for_good])
def test_where_the_new_release_dies_after_its_deployer_the_former_one_is_back_by_itself(
    service: Service, die: Callable[[Service, str], None]
) -> None:
    former, slot = served_levels(service), idle_slot(service)
    wanted = next_level(service)
    kill_at(service, "verify", f"--set=LOG_LEVEL={wanted}")
    die(service, slot)

    until(lambda: served_levels(service) == former, "the former release does not answer")
    assert {level_of(service, service.status()["release"])} == former
    service.deploy(f"--set=LOG_LEVEL={wanted}")
    assert served_levels(service) == {wanted}
    assert slot_states(service) == ["running", "stopped"]


def test_processes_that_a_killed_deployer_has_started_end_with_the_next_deploy_without_any(
    make_service: Callable[..., Service],
) -> None:
    service = make_service("docker", database="none")
    service.deploy()
    with kept(service.folder / "invoke.yaml"):
        add_processes(service)
        deployer = service.start("deploy", "--env=staging")
        until(lambda: bool(running(service, "relay")), "no relay was started")
        deployer.kill()
        deployer.communicate()

    service.deploy()

    assert running(service, "relay") == running(service, "mailer") == []


def running(service: Service, process: str) -> list[str]:
    """The containers of a process that run."""
    name = f"{service.folder.name}-staging-{process}"
    return docker("ps", "--format", "{{.Names}}", "--filter", f"name={name}").stdout.split()
