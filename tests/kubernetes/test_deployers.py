"""Who deploys to a cluster: one at a time, seen by all, with no more rights than it takes, and free to be killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..support.sampling import some_of
from ..support.service import change
from .cluster import CONTEXT, OWN, ServiceInCluster, kubectl

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]


def test_of_two_deployers_one_is_told_who_deploys(service: ServiceInCluster) -> None:
    change(service)
    service.commit()
    first = service.start("deploy", "--env=staging")
    assert first.stdout
    next(line for line in first.stdout if " check " in line)

    second = service.invoke("deploy", "--env=staging")

    assert second.returncode == 6, second.stdout + second.stderr
    assert f"lease {service.folder.name}-deploy" in second.stderr
    assert first.wait(timeout=120) == 0


def test_a_deployer_waits_for_another_one(service: ServiceInCluster) -> None:
    first = service.start("deploy", "--env=staging", "--set=LOG_LEVEL=warn")
    assert first.stdout
    next(line for line in first.stdout if " check " in line)

    second = service.invoke("deploy", "--env=staging", "--lock-wait=100")

    assert (first.wait(timeout=120), second.returncode) == (0, 0), second.stderr


def test_a_lease_that_somebody_labels_is_still_the_deployers(service: ServiceInCluster) -> None:
    deploy = service.start("deploy", "--env=staging", "--set=LOG_LEVEL=error")
    assert deploy.stdout
    next(line for line in deploy.stdout if " start " in line)
    service.kubectl("label", "lease", f"{service.folder.name}-deploy", "seen-by=somebody")
    _, errors = deploy.communicate(timeout=120)

    assert deploy.returncode == 0, errors


STEPS = ("check", "build", "image", "migrate", "start", "healthy", "admit", "verify", "drain")


@pytest.mark.parametrize("step", some_of(STEPS, ["build", "migrate", "admit", "drain"]))
def test_a_deployer_that_is_killed_leaves_what_the_next_one_makes_whole(service: ServiceInCluster, step: str) -> None:
    service.deploy()
    before = service.get("/version").body
    change(service)
    service.commit()
    killed = service.start("deploy", "--env=staging")
    assert killed.stdout
    next(line for line in killed.stdout if f" {step} " in line)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert service.get("/version").status == 200  # /readyz of a pod that is drained says so.

    service.deploy()

    assert service.get("/version").body != before
    outcomes = {entry["outcome"] for entry in history(service)}
    assert outcomes <= {"done", "failed"}
    slots = [slot for slot in service.status()["slots"] if slot["state"] == "running"]
    assert [slot["health"] for slot in slots] == ["healthy"]


def history(service: ServiceInCluster) -> list[dict[str, str]]:
    """All deployments."""
    entries: list[dict[str, str]] = json.loads(service.invoke("history", "--env=staging", "--json").stdout)
    return entries


def test_the_lock_of_somebody_who_does_not_renew_it_is_taken_over(service: ServiceInCluster) -> None:
    holder = {"host": "another-machine", "process": "1:1", "command": "deploy", "user": "somebody", "since": "2026"}
    lease = service.read("lease", f"{service.folder.name}-deploy")
    lease["spec"]["holderIdentity"] = "another-machine 1"
    lease["metadata"]["annotations"] = {"copier-gin.holder": json.dumps(holder)}
    service.kubectl("replace", "--filename=-", feed=json.dumps(lease))
    refused = service.invoke("deploy", "--env=staging")
    begun = time.monotonic()

    done = service.invoke("deploy", "--env=staging", "--lock-wait=60")

    assert refused.returncode == 6, refused.stderr
    assert done.returncode == 0, done.stderr
    assert "was not renewed for" in done.stdout + done.stderr
    assert time.monotonic() - begun < 60


@pytest.fixture
def deployer(service: ServiceInCluster) -> Iterator[ServiceInCluster]:
    """The service in the hands of somebody who has the deployer's Role, and no other right."""
    kubectl("apply", f"--kustomize={service.folder / 'deploy/kubernetes/access/staging'}")
    with in_hands_of(service, "deployer"):
        yield service


@contextmanager
def in_hands_of(service: ServiceInCluster, account: str) -> Iterator[None]:
    """Have the tasks act with the rights of a ServiceAccount, and no others."""
    token = service.kubectl("create", "token", account, "--duration=1h").strip()
    config = service.folder.parent / f"{account}.kubeconfig"
    text = (OWN / "kubeconfig").read_text()
    admin = next(line for line in text.splitlines() if line.startswith("users:"))
    config.write_text(text.replace(admin, f"users: [{{name: admin, user: {{token: {token}}}}}]"))
    former = service.env.get("KUBECONFIG")
    service.env["KUBECONFIG"] = str(config)
    try:
        yield
    finally:
        service.env.pop("KUBECONFIG")
        service.env |= {"KUBECONFIG": former} if former else {}


def test_the_rights_of_a_role_are_enough(deployer: ServiceInCluster) -> None:
    deployer.kubectl("delete", "deployment", deployer.folder.name)
    deployer.kubectl("create", "serviceaccount", "pipeline")
    binding = f"--serviceaccount={deployer.namespace}:pipeline"
    deployer.kubectl("create", "rolebinding", "pipeline", "--role=ci", binding)
    look = ("exec", "--env=staging", "--", "/app", "version")

    def succeed(*tasks: tuple[str, ...]) -> None:
        for words in tasks:
            done = deployer.invoke(*words)
            assert done.returncode == 0, done.stdout + done.stderr

    with in_hands_of(deployer, "pipeline"):
        succeed(("deploy", "--env=staging", "--set=LOG_LEVEL=warn"), ("deploy", "--env=staging"))
        succeed(("rollback", "--env=staging"), ("status", "--env=staging"), ("logs", "--env=staging"))
        assert deployer.invoke(*look).returncode != 0, "a pipeline runs what it likes in a pod"
    succeed(look, ("logs", "--env=staging"), ("health", "--env=staging"))
    succeed(("down", "--env=staging", "--volumes", "--yes"), ("deploy", "--env=staging"))


@pytest.mark.parametrize(
    "wanted",
    [
        ("create", "pods"),
        ("create", "pods/ephemeralcontainers"),
        ("create", "roles"),
        ("get", "secrets", "--namespace=default"),
        ("list", "nodes"),
        ("create", "namespaces"),
    ],
    ids=" ".join,
)
def test_the_role_allows_nothing_that_no_task_needs(deployer: ServiceInCluster, wanted: tuple[str, ...]) -> None:
    where = [] if any(word.startswith("--namespace") for word in wanted) else [f"--namespace={deployer.namespace}"]
    command = ["kubectl", f"--context={CONTEXT}", *where, "auth", "can-i", *wanted]

    done = subprocess.run(command, env=deployer.environment(), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (1, "no"), done.stderr


def test_who_has_no_right_is_told_what_an_administrator_can_do(deployer: ServiceInCluster) -> None:
    deployer.kubectl("delete", "rolebinding", "deployer")

    done = deployer.invoke("deploy", "--env=staging")

    assert done.returncode == 3
    assert "deploy/kubernetes/access" in done.stderr
