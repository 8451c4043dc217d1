"""Deploys to several hosts over ssh: real engines and a real sshd each, and what can go wrong between them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.routes import LEVEL, add_routes
from service_tasks.engine.core.network import free_port

from ..support.sampling import some_of
from ..support.service import EXIT, Service, change, docker, serving_does
from ..support.strikes import Strike, history, level_of, next_level
from .remote_hosts import Keys, Registry, RemoteHost, ServiceOnHosts

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(hosts: list[RemoteHost], keys: Keys, make_service: Callable[..., Service]) -> ServiceOnHosts:
    made = make_service("docker", kind=ServiceOnHosts, database="none")
    assert isinstance(made, ServiceOnHosts)
    made.use(hosts, keys, soak_seconds=1, parallel=2)
    return made


@pytest.fixture(scope="module")
def first(service: ServiceOnHosts) -> str:
    """What the first deploy says."""
    return service.deploy().stdout


@pytest.fixture(autouse=True)
def _deployed(first: str) -> None:
    """Every test begins with a release on all hosts."""


def shipped(output: str) -> list[float]:
    """The megabytes that went to each host."""
    lines = [line for line in output.splitlines() if "  ship " in line]
    return [float(line.rpartition("s  ")[2].removesuffix(" MB")) for line in lines]


def test_all_hosts_serve_the_same_release(service: ServiceOnHosts) -> None:
    status = service.status()

    assert len(set(service.versions())) == 1
    assert status["state"] == "serving"
    assert [each["host"] for each in status["hosts"]] == [host.address for host in service.hosts]
    assert len({each["release"]["id"] for each in status["hosts"]}) == 1
    assert status["hosts"][1]["url"] == f"http://{service.hosts[1].address}:{service.port}"


def test_a_change_reaches_all_hosts_and_sends_only_the_layer_that_changed(service: ServiceOnHosts, first: str) -> None:
    before = service.versions()
    change(service)

    done = service.deploy()

    assert set(service.versions()).isdisjoint(before)
    assert len(shipped(done.stdout)) == 3
    # Certificates and time zones, a fifth of a megabyte compressed, are on the hosts since the first deploy.
    sent = list(zip(shipped(done.stdout), shipped(first), strict=True))
    assert all(0 < again < once - 0.1 for again, once in sent), sent


def test_the_machine_that_builds_keeps_the_images_of_kept_releases_alone(
    service: ServiceOnHosts, tmp_path: Path
) -> None:
    (tmp_path / "empty.tar").write_bytes(bytes(1024))
    name = f"{service.folder.name}:staging-of-no-release"
    labels = [f"--change=LABEL copier-gin.service={service.folder.name} copier-gin.env=staging"]
    assert docker("import", *labels, str(tmp_path / "empty.tar"), name).returncode == 0

    change(service)
    service.deploy()

    listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", service.folder.name).stdout.split()
    assert name not in listed
    assert listed, "the image of the release that serves is gone where it was built"


def test_nothing_new_changes_nothing_on_any_host(service: ServiceOnHosts) -> None:
    before = service.status()

    done = service.deploy()

    assert "Nothing to do" in done.stdout
    assert service.status() == before


def test_rollback_returns_every_host(service: ServiceOnHosts) -> None:
    before = service.versions()
    change(service)
    service.deploy()
    assert set(service.versions()).isdisjoint(before)

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.versions() == before


def test_a_release_that_fails_on_the_first_host_reaches_no_other(service: ServiceOnHosts) -> None:
    before = service.versions()
    with serving_does(service, EXIT):
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 5
    assert "exited at its start (exit code 7)" in done.stderr
    assert f"{service.hosts[1].address}: not reached, nothing was changed" in done.stderr
    assert service.versions() == before


def test_a_failure_on_a_later_host_takes_all_back_and_is_told_host_by_host(service: ServiceOnHosts) -> None:
    before = service.versions()
    second = service.hosts[1]
    slots = {slot["slot"]: slot["traffic"] for slot in service.status()["hosts"][1]["slots"]}
    idle = next(slot for slot, traffic in slots.items() if traffic != "UP")
    container = f"{service.folder.name}-staging-app-{idle}-1"
    docker("--host", second.host, "rm", "--force", container)
    docker("--host", second.host, "create", "--name", container, "copier-gin-empty", "in-the-way")
    change(service)
    done = service.invoke("deploy", "--env=staging")
    docker("--host", second.host, "rm", "--force", container)

    assert done.returncode == 5
    assert f"{second.address}: app-{idle} does not start; the former release still serves" in done.stderr
    assert f"{service.hosts[0].address}: returned to {before[0]}" in done.stderr
    assert service.versions() == before
    service.deploy()
    assert set(service.versions()).isdisjoint(before)


def test_a_host_that_cannot_be_reached_is_told_before_anything_changes(service: ServiceOnHosts) -> None:
    before = service.versions()
    third = service.hosts[2]
    third.stop_sshd()
    change(service)
    try:
        done = service.invoke("deploy", "--env=staging")
    finally:
        third.start_sshd()

    assert done.returncode == 3
    assert "1 of 3 hosts cannot be reached" in done.stderr
    assert third.address in done.stderr
    assert " build " not in done.stdout
    assert service.versions() == before


def test_a_host_that_is_cut_off_half_way_goes_on_serving_and_the_next_deploy_converges(service: ServiceOnHosts) -> None:
    before = service.versions()
    last = service.hosts[-1]
    change(service)
    process = service.start("deploy", "--env=staging")
    assert process.stdout
    next(line for line in process.stdout if f"{last.address}  ship" in line)
    with last.unplugged():
        _, errors = process.communicate(timeout=120)

    assert process.returncode == 5, errors
    assert f"{service.hosts[0].address}: returned to {before[0]}" in errors
    assert service.versions() == before
    service.deploy("--lock-wait=60")
    assert len(set(service.versions())) == 1
    assert service.versions() != before


@pytest.fixture(scope="module")
def far(service: ServiceOnHosts, make_service: Callable[..., Service]) -> ServiceOnHosts:
    """A service that runs on the first host alone."""
    assert service.keys
    made = make_service("docker", kind=ServiceOnHosts, database="none")
    assert isinstance(made, ServiceOnHosts)
    made.use(service.hosts[:1], service.keys)
    add_routes(made.folder)
    made.commit("Answer the log level")
    made.deploy()
    return made


@pytest.mark.parametrize("step", some_of(["healthy", "admit", "drain"], ["admit"]))
def test_where_the_network_fails_at_a_step_one_release_serves_and_the_next_deploy_converges(
    far: ServiceOnHosts, step: str
) -> None:
    host = far.hosts[0]
    before, wanted = far.get(LEVEL).body, next_level(far)
    deploy = Strike(far, "deploy", f"--set=LOG_LEVEL={wanted}")
    deploy.reach(step)
    with host.unplugged():
        done = deploy.end()

    assert done.returncode == 3, done.stderr
    assert "does not answer any more" in done.stderr
    assert "Traceback" not in done.stderr
    serving = far.get(LEVEL).body
    assert serving in ({wanted} if step == "drain" else {before, wanted} if step == "admit" else {before})
    assert serving == level_of(far, far.status()["release"])
    wanted = next_level(far)
    far.deploy("--lock-wait=60", f"--set=LOG_LEVEL={wanted}")
    assert far.get(LEVEL).body == wanted
    assert {each["outcome"] for each in history(far)} <= {"done", "failed"}


@pytest.mark.parametrize("step", some_of(["drain", "retire", "record"], ["drain", "record"]))
def test_ctrl_c_takes_back_a_host_that_was_switched_however_far_it_was(service: ServiceOnHosts, step: str) -> None:
    before = service.versions()
    change(service)
    first = service.hosts[0].address
    strike = Strike(service, "deploy")
    strike.reach(step, host=first)
    strike.process.send_signal(signal.SIGINT)
    done = strike.end()

    assert done.returncode == 5, done.stderr
    assert "the deploy was interrupted" in done.stderr
    assert f"{first}: returned to {before[0]}" in done.stderr, done.stderr
    assert f"{service.hosts[2].address}: not reached, nothing was changed" in done.stderr
    assert service.versions() == before
    assert history(service)[0]["outcome"] == "done"


def test_one_host_can_be_asked_alone(service: ServiceOnHosts) -> None:
    second = service.hosts[1].address

    status = json.loads(service.invoke("status", "--env=staging", f"--host={second}", "--json").stdout)
    version = service.invoke("exec", "--env=staging", f"--host={second}", "--", "/app", "version")
    unknown = service.invoke("status", "--env=staging", "--host=nowhere")

    assert [each["host"] for each in status["hosts"]] == [second]
    assert json.loads(version.stdout)["version"] == service.versions()[1]
    assert unknown.returncode == 2
    assert 'there is no host "nowhere"' in unknown.stderr


def test_maintenance_is_on_or_off_on_all_hosts(service: ServiceOnHosts) -> None:
    on = service.invoke("maintenance", "--env=staging", "--on")
    seen = [service.get_from(host, "/v1/orders").status for host in service.hosts]
    off = service.invoke("maintenance", "--env=staging", "--off")

    assert (on.returncode, off.returncode) == (0, 0), on.stderr + off.stderr
    assert seen == [503, 503, 503]
    assert [service.get_from(host, "/v1/orders").status for host in service.hosts] == [200, 200, 200]


def test_each_host_with_a_database_of_its_own_is_refused(
    service: ServiceOnHosts, make_service: Callable[..., Service]
) -> None:
    other = make_service("docker", kind=ServiceOnHosts, database="postgres")
    assert isinstance(other, ServiceOnHosts)
    assert service.keys
    other.use(service.hosts, service.keys)

    done = other.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "would have a database of its own" in done.stderr


def test_with_a_registry_the_image_goes_through_it(
    service: ServiceOnHosts, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    assert service.keys
    other = make_service("docker", kind=ServiceOnHosts, database="none")
    assert isinstance(other, ServiceOnHosts)
    registry = Registry(tmp_path, free_port(), service.hosts[:1])
    try:
        other.use(service.hosts[:1], service.keys, registry=f"{registry.address}/team")
        other.deploy()
        pushed = registry.repositories()
    finally:
        registry.stop()
    change(other)
    refused = other.invoke("deploy", "--env=staging")

    assert pushed == [f"team/{other.folder.name}"]
    assert refused.returncode == 3
    assert "the image cannot be pushed" in refused.stderr
    assert other.status()["state"] == "serving"
