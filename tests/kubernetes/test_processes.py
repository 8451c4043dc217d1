"""What a service runs beside `serve` in a cluster: Deployments that are rolled, watched and rolled back with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..support.relay import TYPES, add_jobs, add_processes
from ..support.service import change, kept
from ..support.waiting import until
from .cluster import ServiceInCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]
RELAY = "internal/app/relay.go"


@pytest.fixture(scope="module")
def service(make_in_cluster: Callable[..., ServiceInCluster]) -> ServiceInCluster:
    """A service that has processes in its second release."""
    made = make_in_cluster()
    made.deploy()
    add_processes(made)
    refused = made.invoke("deploy", "--env=staging")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "the overlay runs no process relay, which invoke.yaml names" in refused.stderr
    written = made.invoke("kubernetes.processes")
    assert written.returncode == 0, written.stderr
    assert "wrote deploy/kubernetes/components/relay/deployment.yaml" in written.stdout
    made.commit("Add a relay and a mailer")
    made.deploy()
    return made


def pods(service: ServiceInCluster, process: str) -> list[str]:
    """The releases of a process's pods that are there to stay."""
    found = service.read("pods")["items"]
    own = [each for each in found if each["metadata"]["labels"].get("app.kubernetes.io/component") == process]
    staying = [each for each in own if not each["metadata"].get("deletionTimestamp")]
    return [each["metadata"]["labels"]["copier-gin.release"] for each in staying]


def working(service: ServiceInCluster) -> None:
    """The processes of the release that serves work, and no others."""
    status = service.status()
    release = status["release"]["id"]
    shown = {each["process"]: (each["replicas"], each["healthy"], each["release"]) for each in status["processes"]}
    assert shown == {"relay": (1, 1, release), "mailer": (2, 2, release)}
    assert status["state"] == "serving"
    assert pods(service, "relay") == [release]
    assert pods(service, "mailer") == [release, release]


def test_the_processes_come_with_the_release_and_requests_do_not_reach_them(service: ServiceInCluster) -> None:
    working(service)
    addresses = service.read("endpoints", service.folder.name)["subsets"][0]["addresses"]
    names = [each["targetRef"]["name"] for each in addresses]
    assert not [name for name in names if "relay" in name or "mailer" in name]


def test_one_that_stops_first_is_recreated_and_one_that_starts_first_is_rolled(service: ServiceInCluster) -> None:
    name = service.folder.name
    strategies: list[Any] = [service.read("deployment", f"{name}-{each}") for each in ("relay", "mailer")]

    assert [each["spec"]["strategy"]["type"] for each in strategies] == ["Recreate", "RollingUpdate"]


def test_writing_the_components_again_changes_nothing(service: ServiceInCluster) -> None:
    said = service.invoke("kubernetes.processes").stdout

    assert "deploy/kubernetes has all processes of invoke.yaml" in said


def test_a_process_that_exits_at_its_start_fails_the_deploy_and_the_former_ones_work_on(
    service: ServiceInCluster,
) -> None:
    before = service.get("/version").body
    with kept(service.folder / RELAY):
        service.edit(RELAY, "startsWell = true", "startsWell = false")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "the release exited at its start (exit code 2)" in done.stderr
    assert "the relay has nothing to do" in done.stderr
    assert service.get("/version").body == before
    working(service)


@pytest.mark.full
def test_a_rollback_returns_to_the_processes_of_the_former_release(service: ServiceInCluster) -> None:
    before = service.status()["release"]["id"]
    change(service)
    service.deploy()
    working(service)

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.status()["release"]["id"] == before
    working(service)


def test_the_log_and_a_shell_reach_a_process_by_its_name(service: ServiceInCluster) -> None:
    log = service.invoke("logs", "--env=staging", "--service=relay").stdout
    version = service.invoke("exec", "--env=staging", "--service=relay", "--", "/app", "version")

    assert '"event":"begins"' in log
    assert "mailer" not in log
    assert version.returncode == 0, version.stderr


@pytest.mark.full
def test_a_process_that_is_taken_out_ends_with_the_next_deploy(service: ServiceInCluster) -> None:
    overlay = service.folder / "deploy/kubernetes/overlays/staging/kustomization.yaml"
    with kept(service.folder / "invoke.yaml"), kept(overlay):
        service.edit("invoke.yaml", TYPES.replace("SERVICE", service.folder.name), "")
        refused = service.invoke("deploy", "--env=staging")
        text = overlay.read_text()
        for each in ("relay", "mailer"):
            text = text.replace(f"  - ../../components/{each}\n", "")
        overlay.write_text(text.replace("components:\n", ""))
        service.deploy()

    assert refused.returncode == 2
    assert "runs a process mailer that invoke.yaml lacks" in refused.stderr
    assert service.status()["processes"] == []
    assert service.invoke("rollback", "--env=staging").returncode == 0
    working(service)


def test_a_job_is_a_cronjob_whose_last_run_status_shows(make_in_cluster: Callable[..., ServiceInCluster]) -> None:
    service = make_in_cluster()
    add_jobs(service)
    name = service.folder.name
    refused = service.invoke("deploy", "--env=staging")
    for other in ("dev:\n    target: docker\n    development: true\n", "prod:\n    target: docker\n"):
        service.edit("invoke.yaml", f"  {other}", "")
    service.invoke("kubernetes.processes")
    service.deploy()
    service.kubectl("create", "job", "by-hand", f"--from=cronjob/{name}-broken")

    def last_run() -> Any:
        return next(each["last_run"] for each in service.status()["processes"] if each["process"] == "broken")

    # A minute later it runs again.
    until(lambda: (last_run() or {}).get("exit_code") == 1, "the job has not failed")
    shown = "failed (exit code 1) at"
    until(lambda: shown in service.invoke("status", "--env=staging").stdout, "status does not show that it has failed")

    assert refused.returncode == 2
    assert "--set jobs=scheduled brings what is missing" in refused.stderr
    assert "nothing can be broken any more" in service.invoke("logs", "--env=staging", "--service=broken").stdout
    cronjob = service.read("cronjob", f"{name}-purge")["spec"]
    assert (cronjob["timeZone"], cronjob["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
