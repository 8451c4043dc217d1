"""A service in a cluster: deployed, looked at, rolled back and taken down by the tasks that it has elsewhere."""

from __future__ import annotations

import base64
import json
from http.client import HTTPConnection, HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from ..support.secrets_in_git import keep_in_git
from ..support.service import change
from ..support.waiting import until
from .cluster import ServiceInCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.slow]


def images(service: ServiceInCluster) -> set[str]:
    """The images of the pods."""
    return {pod["spec"]["containers"][0]["image"] for pod in service.pods()}


def test_pods_run_the_image_by_its_digest_and_serve_what_was_built(service: ServiceInCluster) -> None:
    status = service.status()

    assert status["state"] == "serving"
    assert service.get("/version").body["version"] == status["release"]["version"]
    assert [image.partition("@sha256:")[1] for image in images(service)] == ["@sha256:"]


def test_a_deploy_of_the_same_changes_nothing(service: ServiceInCluster) -> None:
    pods = {pod["metadata"]["uid"] for pod in service.pods()}

    done = service.deploy("--json")

    assert json.loads(done.stdout)["outcome"] == "unchanged"
    assert pods <= {pod["metadata"]["uid"] for pod in service.pods()}


def test_a_change_is_rolled_out_and_a_rollback_brings_image_and_values_back(service: ServiceInCluster) -> None:
    service.deploy()
    before, former = service.get("/version").body, images(service)
    change(service)
    service.commit("Change a line")
    service.deploy("--set=LOG_LEVEL=warn")
    after = service.get("/version").body
    assert after != before
    assert values(service)["LOG_LEVEL"] == "warn"

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.get("/version").body == before
    assert images(service) == former
    assert values(service)["LOG_LEVEL"] == "info"


def values(service: ServiceInCluster) -> dict[str, str]:
    """The values of the pod that is newest."""
    pod = max(service.pods(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    name = pod["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    found: dict[str, str] = service.read("configmap", name)["data"]
    return found


def test_a_change_of_a_value_alone_starts_new_pods_and_builds_no_other_image(service: ServiceInCluster) -> None:
    service.deploy()
    pods, former = {pod["metadata"]["uid"] for pod in service.pods()}, images(service)

    service.deploy("--set=LOG_LEVEL=error")

    assert not pods & {pod["metadata"]["uid"] for pod in service.pods()}
    assert images(service) == former
    assert values(service)["LOG_LEVEL"] == "error"


def test_a_change_of_a_secret_alone_starts_new_pods_with_it(service: ServiceInCluster) -> None:
    schema = service.folder / ".env.example"
    schema.write_text(schema.read_text().replace("\n# ---\n# The stack", SECRET + "\n# ---\n# The stack", 1))
    service.set_local(API_KEY="first-of-two-keys")
    service.deploy()
    pods = {pod["metadata"]["uid"] for pod in service.pods()}
    service.set_local(API_KEY="second-of-two-keys")

    done = service.deploy()

    assert not pods & {pod["metadata"]["uid"] for pod in service.pods()}
    mounted = service.pods()[0]["spec"]["volumes"]
    name = next(volume["secret"]["secretName"] for volume in mounted if volume["name"] == "secrets")
    told = service.kubectl("get", "secret", name, "--output=go-template={{ .data.API_KEY | base64decode }}")
    assert told == "second-of-two-keys"
    assert values(service)["API_KEY_FILE"] == f"/run/secrets/{service.folder.name}/API_KEY"
    assert "of-two-keys" not in done.stdout + done.stderr
    assert "of-two-keys" not in service.kubectl("get", "configmaps,deployments,events", "--output=yaml")


def test_a_secret_from_an_encrypted_file_is_found_in_its_secret_alone(service: ServiceInCluster) -> None:
    keep_in_git(service, API_KEY="canary-of-a-cluster")

    said = [service.deploy()]
    tasks = (("deploy", "--plan", "--set=LOG_LEVEL=warn"), ("status", "--json"), ("history", "--json"), ("logs",))
    said += [service.invoke(*words, "--env=staging") for words in tasks]

    name = service.folder.name
    kinds = "pods,replicasets,deployments,configmaps,events,leases,jobs"
    told = [service.kubectl("get", kinds, "--output=yaml"), service.kubectl("describe", "pods,secrets")]
    for text in [*told, *(each.stdout + each.stderr for each in said)]:
        assert "canary-of-a-cluster" not in text
        assert base64.b64encode(b"canary-of-a-cluster").decode() not in text
    assert values(service)["API_KEY_FILE"] == f"/run/secrets/{name}/API_KEY"
    found = service.kubectl("get", "secrets", "--output=go-template={{ range .items }}{{ .data.API_KEY }} {{ end }}")
    assert base64.b64encode(b"canary-of-a-cluster").decode() in found


SECRET = """
# A key of somebody else's.
# @sensitive @type=string
API_KEY=
"""


def test_history_tells_what_was_deployed(service: ServiceInCluster) -> None:
    done = service.invoke("history", "--env=staging", "--json")

    entries = json.loads(done.stdout)
    assert {entry["outcome"] for entry in entries} == {"done"}
    assert entries[0]["release"]["id"] == service.status()["release"]["id"]


def test_a_plan_tells_the_difference_and_changes_nothing(service: ServiceInCluster) -> None:
    before = service.read("deployment", service.folder.name)["metadata"]["generation"]

    done = service.invoke("deploy", "--env=staging", "--set=LOG_LEVEL=debug", "--plan", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed"]["LOG_LEVEL"][1] == "debug"
    assert service.read("deployment", service.folder.name)["metadata"]["generation"] == before


def test_a_dry_deploy_shows_what_it_would_do_and_changes_nothing(service: ServiceInCluster) -> None:
    before = service.read("deployment", service.folder.name)["metadata"]["generation"]

    done = service.invoke("--dry", "deploy", "--env=staging", "--set=LOG_LEVEL=debug")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "would: docker buildx build" in done.stdout + done.stderr
    assert f"would: roll {service.folder.name} to" in done.stdout + done.stderr
    assert service.read("deployment", service.folder.name)["metadata"]["generation"] == before


def test_a_plan_refuses_what_pod_security_would(service: ServiceInCluster) -> None:
    overlay = service.folder / "deploy/kubernetes/overlays/staging/kustomization.yaml"
    text = overlay.read_text()
    service.add_to_overlay(PRIVILEGED)
    try:
        done = service.invoke("deploy", "--env=staging", "--plan")
    finally:
        overlay.write_text(text)

    assert done.returncode == 2
    assert "the cluster would not admit the pods" in done.stderr
    assert "runAsNonRoot" in done.stderr


PRIVILEGED = """patches:
  - target: {kind: Deployment}
    patch: |
      - {op: replace, path: /spec/template/spec/securityContext, value: {runAsUser: 0}}
"""


def test_logs_show_each_line_with_its_pod(service: ServiceInCluster) -> None:
    done = service.invoke("logs", "--env=staging", "--lines=5")

    assert done.returncode == 0, done.stderr
    assert f"pod/{service.pods()[0]['metadata']['name']}" in done.stdout


def test_a_command_runs_in_a_pod(service: ServiceInCluster) -> None:
    done = service.invoke("exec", "--env=staging", "--", "/app", "version")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == service.get("/version").body["version"]


def test_health_asks_through_the_service(service: ServiceInCluster) -> None:
    done = service.invoke("health", "--env=staging", "--json")

    document = json.loads(done.stdout)
    assert (done.returncode, document["probes"]["/readyz"]["status"]) == (0, 200)


@pytest.mark.parametrize(
    ("drill", "message"),
    [("pause", "drill.pause needs the docker target"), ("restart-database", "no database of its own")],
)
def test_a_drill_that_a_cluster_cannot_do_is_refused_by_its_name(
    service: ServiceInCluster, drill: str, message: str
) -> None:
    done = service.invoke(f"drill.{drill}", "--env=staging")

    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


CLOSED = {"title": "Maintenance", "status": 503, "detail": "the service is under maintenance"}


def succeeds(service: ServiceInCluster, *words: str) -> str:
    """Run a task for staging, which has to succeed; gives what it prints."""
    done = service.invoke(words[0], "--env=staging", *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_maintenance_closes_the_service_for_everybody_and_releases_are_switched_behind_it(
    service: ServiceInCluster,
) -> None:
    before = service.get("/version").body
    kept = HTTPConnection(urlsplit(service.address()).hostname or "", 80, timeout=10)
    kept.request("GET", "/version")
    assert kept.getresponse().read()

    succeeds(service, "maintenance", "--on")

    kept.auto_open = 0  # A connection from before is at its end, too.
    with pytest.raises((OSError, HTTPException)):
        kept.request("GET", "/version")
        kept.getresponse()
    answer = service.post("/v1/orders", {"sku": "A-1", "quantity": 1})
    assert (answer.status, answer.body) == (503, CLOSED)
    page = Request(service.address(), headers={"Accept": "text/html"})
    with pytest.raises(HTTPError) as refused:
        build_opener(ProxyHandler({})).open(page, timeout=10)
    assert refused.value.headers["Retry-After"] == "120"
    assert refused.value.read().decode() == (service.folder / "edge/process/maintenance.html").read_text()

    service.deploy("--set=LOG_LEVEL=debug")
    status = service.status()
    assert (status["maintenance"], status["state"]) == (True, "serving")
    assert service.get("/version").body == CLOSED

    succeeds(service, "maintenance", "--off")
    # Nodes follow a Service a moment after the API server.
    until(lambda: service.get("/version").body == before, "the page is still there")
    assert service.status()["maintenance"] is False


def test_what_was_taken_down_is_gone_and_can_be_started_again_behind_the_page_that_was_there(
    service: ServiceInCluster,
) -> None:
    succeeds(service, "maintenance", "--on")
    succeeds(service, "down")
    until(lambda: service.read("pods")["items"] == [], "pods are left")
    assert service.status()["state"] == "down"

    succeeds(service, "up")

    assert service.get("/readyz").body == CLOSED
    assert service.status()["state"] == "serving"
    succeeds(service, "maintenance", "--off")
    assert service.get("/readyz").status == 200
