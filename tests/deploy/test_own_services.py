"""Services that a user adds in docker-compose.override.yml: started with the stack, and as they are defined now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from ..support.service import Service, docker, kept

pytestmark = pytest.mark.docker

OVERRIDE = """\
services:
  watcher:
    image: {image}
    command: [sleep, "{seconds}"]
    healthcheck: {{test: [CMD, "true"], start_period: 30s, start_interval: 100ms}}
    networks: [front]
    init: true

  helper:
    image: {image}
    command: [sleep, "1000"]
    networks: [front]
    init: true

  report:
    image: {image}
    command: [sleep, "1000"]
    profiles: [by-hand]
    # It heeds no signal, as it is the first process of its container.
    stop_grace_period: 1s
"""


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service], base_images: dict[str, str]) -> Service:
    made = make_service("docker", database="none")
    override(made, base_images)
    made.deploy()
    return made


def override(service: Service, images: dict[str, str], seconds: int = 1000, health: str = "true") -> None:
    """Write the override. The front door's image is here in any case."""
    text = OVERRIDE.format(image=images.get("EDGE_IMAGE", "haproxy:3.2"), seconds=seconds)
    (service.folder / "docker-compose.override.yml").write_text(text.replace('[CMD, "true"]', f'[CMD, "{health}"]'))


def start_by_hand(service: Service, name: str) -> None:
    """Start a service of a profile, as a user does."""
    project = ["--project-name", f"{service.folder.name}-staging", "--project-directory", str(service.folder)]
    started = docker("compose", *project, "--profile", "by-hand", "up", "--detach", "--no-deps", name)
    assert started.returncode == 0, started.stderr


def container(service: Service, name: str) -> dict[str, str]:
    """The id and the state of a service's container; empty where there is none."""
    shown = docker("inspect", f"{service.folder.name}-staging-{name}-1")
    if shown.returncode:
        return {}
    document = json.loads(shown.stdout)[0]
    return {"id": document["Id"], "state": document["State"]["Status"], "command": " ".join(document["Args"])}


def test_a_deploy_starts_the_services_that_the_user_added_but_those_of_a_profile(service: Service) -> None:
    states = {name: container(service, name).get("state") for name in ("watcher", "helper", "report", "app-green")}

    assert states == {"watcher": "running", "helper": "running", "report": None, "app-green": None}
    assert service.get("/readyz").status == 200


def test_a_deploy_leaves_them_alone_and_starts_those_that_stand_still(service: Service) -> None:
    before = container(service, "watcher")
    docker("stop", "--time=0", f"{service.folder.name}-staging-helper-1")

    service.deploy("--set=LOG_LEVEL=warn")

    assert container(service, "watcher") == before
    assert container(service, "helper")["state"] == "running"


def test_up_starts_them_as_well(service: Service) -> None:
    docker("stop", "--time=0", f"{service.folder.name}-staging-helper-1")

    assert service.invoke("up", "--env=staging").returncode == 0

    assert container(service, "helper")["state"] == "running"


def test_a_deploy_makes_the_one_anew_whose_definition_changed(service: Service, base_images: dict[str, str]) -> None:
    before = {name: container(service, name)["id"] for name in ("watcher", "helper", "edge")}
    override(service, base_images, seconds=2000)

    service.deploy()

    after = {name: container(service, name)["id"] for name in before}
    assert {name for name in before if after[name] != before[name]} == {"watcher"}
    assert "2000" in container(service, "watcher")["command"]


def test_one_that_does_not_become_healthy_fails_the_deploy_by_its_name(
    service: Service, base_images: dict[str, str]
) -> None:
    before = service.get("/version").body, service.status()["release"]["id"]
    override(service, base_images, health="false")
    with kept(service.folder / "invoke.yaml"):
        service.edit("invoke.yaml", "healthy_timeout: 60", "healthy_timeout: 2")

        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert f"{service.folder.name}-staging-watcher-1 was not healthy within 2 s" in done.stderr
    assert (service.get("/version").body, service.status()["release"]["id"]) == before


def test_a_dry_deploy_names_them_and_starts_none(service: Service, base_images: dict[str, str]) -> None:
    override(service, base_images)
    docker("stop", "--time=0", f"{service.folder.name}-staging-helper-1")

    done = service.invoke("--dry", "deploy", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert "helper watcher" in done.stdout + done.stderr
    assert container(service, "helper")["state"] == "exited"


def test_down_removes_them(service: Service) -> None:
    assert service.invoke("down", "--env=staging").returncode == 0

    assert container(service, "helper") == {}


def test_a_service_that_was_taken_out_is_named_and_goes(service: Service, base_images: dict[str, str]) -> None:
    override(service, base_images)
    service.deploy()
    path = service.folder / "docker-compose.override.yml"
    with kept(path):
        text = path.read_text()
        path.write_text(text[: text.index("  helper:")] + text[text.index("  report:") :])

        plan = service.invoke("deploy", "--env=staging", "--plan")
        status = service.status()
        done = service.deploy()

    assert "helper" in plan.stdout and "its container is removed" in plan.stdout
    assert status["left_behind"] == ["helper"]
    assert "the service helper is in no compose file any more" in done.stdout
    assert container(service, "helper") == {}
    assert container(service, "watcher")["state"] == "running"
    assert service.status()["left_behind"] == []


def test_a_service_behind_a_profile_that_was_started_by_hand_stays(
    service: Service, base_images: dict[str, str]
) -> None:
    override(service, base_images)
    start_by_hand(service, "report")

    service.deploy()

    assert container(service, "report")["state"] == "running"


def test_one_that_heeds_no_signal_has_the_time_that_its_definition_gives_it(
    service: Service, base_images: dict[str, str]
) -> None:
    override(service, base_images)
    start_by_hand(service, "report")
    stubborn = container(service, "report")["id"]

    assert service.invoke("down", "--env=staging").returncode == 0

    asked = ["events", "--since=10m", f"--until={time.time():.0f}", f"--filter=container={stubborn}"]
    said = docker(*asked, "--filter=event=kill", "--format={{json .}}").stdout
    asked_to_end, killed = (json.loads(line) for line in said.splitlines())
    assert killed["Actor"]["Attributes"]["signal"] == "9"
    assert (killed["timeNano"] - asked_to_end["timeNano"]) / 1e9 < 5


@pytest.mark.parametrize("name", ["docker-compose.override.yaml", "compose.override.yml", "compose.override.yaml"])
def test_an_override_counts_under_every_name_that_compose_reads(service: Service, name: str) -> None:
    path = service.folder / "docker-compose.override.yml"
    with kept(path):
        path.rename(service.folder / name)
        service.deploy()
        state = container(service, "watcher")["state"]
        (service.folder / name).rename(path)

    assert state == "running"


def test_two_overrides_are_refused_by_name(service: Service) -> None:
    other = service.folder / "compose.override.yaml"
    other.write_text("services: {}\n")
    done = service.invoke("deploy", "--env=staging")
    other.unlink()

    assert done.returncode == 2
    assert "compose.override.yaml and docker-compose.override.yml are both there" in done.stderr
