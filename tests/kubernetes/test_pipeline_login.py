"""A pipeline logs in to a cluster by its job's own token: a real API server trusts what the template's file names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import Render
from .cluster import OWN
from .issuer import ApiServer, Issuer, issuing, kubectl_with, trusting

pytestmark = [pytest.mark.kubernetes, pytest.mark.slow]

STAGING: dict[str, dict[str, Any]] = {
    "github": {"repository": "team/orders", "environment": "staging"},
    "gitlab": {"project_path": "team/orders", "environment": "staging", "ref_protected": "true"},
    "forgejo": {"repository": "team/orders", "event_name": "push", "ref": "refs/heads/main", "ref_type": "branch"},
}
PROD: dict[str, dict[str, Any]] = {
    "github": {"environment": "prod"},
    "gitlab": {"environment": "prod"},
    "forgejo": {"ref": "refs/tags/v1.0.0", "ref_type": "tag"},
}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("github", {"repository": "somebody/orders"}),
    ("github", {"environment": None}),
    ("gitlab", {"project_path": "somebody/orders"}),
    ("gitlab", {"ref_protected": "false"}),
    ("forgejo", {"repository": "somebody/orders"}),
    ("forgejo", {"event_name": "pull_request"}),
    ("forgejo", {"ref": "refs/heads/feature"}),
    ("forgejo", {"ref": "refs/tags/anything", "ref_type": "tag"}),
]


@pytest.fixture(scope="module")
def issuer(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """An issuer for all three."""
    if not (OWN / "bin" / "kubenode").exists():
        pytest.skip("the cluster is not that of .ci/kubernetes, whose API server is started once more here")
    with issuing(Issuer(tmp_path_factory.mktemp("issuer"))) as made:
        yield made


@pytest.fixture(scope="module")
def server(issuer: Issuer, rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with the parts that services of each kind bring: only the issuer's place is another one."""
    parts = []
    for ci in STAGING:
        path = rendered(ci=ci, kubernetes=True) / "deploy" / "kubernetes" / "access" / "authentication.yaml"
        document = yaml.safe_load(path.read_text().replace("OWNER", "team"))
        place = {"url": issuer.url(ci), "certificateAuthority": issuer.certificate.read_text()}
        parts += [{**part, "issuer": {**part["issuer"], **place}} for part in document["jwt"]]
    with trusting(tmp_path_factory.mktemp("trusting"), yaml.safe_dump({**document, "jwt": parts})) as made:
        yield made


def log_in(server: ApiServer, issuer: Issuer, ci: str, folder: Path, env: str = "staging", **claims: Any) -> str:
    """Begin as a job does that has these claims; gives KUBECONFIG."""
    issuer.claims = {name: value for name, value in {**STAGING[ci], **claims}.items() if value is not None}
    audience = f"orders-{env}"
    given = {"ACTIONS_ID_TOKEN_REQUEST_URL": issuer.request_url(ci), "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}
    own = {"CLUSTER_TOKEN": issuer.token(ci, audience)} if ci == "gitlab" else given
    done = run_login(folder, audience, {**own, "CLUSTERS": server.clusters()})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run_login(folder: Path, audience: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script by Python alone."""
    script = Path(__file__).resolve().parents[2] / "template" / "tasks" / "engine" / "kubernetes" / "pipeline_login.py"
    command = [sys.executable, "-I", "-S", str(script), str(folder), audience]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def who(config: str) -> str:
    """Whom the API server takes the bearer of a kubeconfig for; empty where it refuses the token."""
    done = kubectl_with(config, "auth", "whoami", "--output=json")
    if done.returncode:
        assert (
            "Unauthorized" in done.stderr or "must be logged in" in done.stderr or "provided credentials" in done.stderr
        )
        return ""
    return str(json.loads(done.stdout)["status"]["userInfo"]["username"])


@pytest.mark.parametrize("ci", STAGING)
def test_a_job_is_known_by_its_repository_and_environment(
    server: ApiServer, issuer: Issuer, ci: str, tmp_path: Path
) -> None:
    (tmp_path / "prod").mkdir()

    staging = who(log_in(server, issuer, ci, tmp_path))
    prod = who(log_in(server, issuer, ci, tmp_path / "prod", "prod", **PROD[ci]))

    assert (staging, prod) == ("pipeline:team/orders:staging", "pipeline:team/orders:prod")


@pytest.mark.parametrize(("ci", "claims"), REFUSED, ids=str)
def test_what_the_file_does_not_name_is_refused(
    server: ApiServer, issuer: Issuer, ci: str, claims: dict[str, Any], tmp_path: Path
) -> None:
    assert who(log_in(server, issuer, ci, tmp_path, **claims)) == ""


def test_a_token_for_somebody_else_is_refused(server: ApiServer, issuer: Issuer, tmp_path: Path) -> None:
    assert who(log_in(server, issuer, "github", tmp_path, "elsewhere")) == ""


def test_the_job_may_do_in_its_environment_what_it_was_bound_to(
    server: ApiServer, issuer: Issuer, rendered: Render, tmp_path: Path
) -> None:
    access = rendered(ci="github", kubernetes=True) / "deploy" / "kubernetes" / "access" / "staging"
    for name in ("orders-staging", "orders-prod"):
        server.admin("create", "namespace", name)
    server.admin("apply", "--kustomize", str(access))
    user = "--user=pipeline:team/orders:staging"
    server.admin("--namespace=orders-staging", "create", "rolebinding", "pipeline", "--role=ci", user)

    config = log_in(server, issuer, "github", tmp_path)

    may = [
        kubectl_with(config, f"--namespace=orders-{env}", "auth", "can-i", "create", "deployments").stdout.strip()
        for env in ("staging", "prod")
    ]
    assert may == ["yes", "no"]


def test_a_token_is_asked_for_once_while_it_lasts_and_again_before_it_ends(
    server: ApiServer, issuer: Issuer, tmp_path: Path
) -> None:
    config = log_in(server, issuer, "github", tmp_path)
    issuer.asked.clear()

    names = [who(config), who(config)]
    assert (names, issuer.asked) == (["pipeline:team/orders:staging"] * 2, ["orders-staging"])
    assert (tmp_path / "cluster-token").stat().st_mode & 0o777 == 0o600

    issuer.seconds = 30
    (tmp_path / "cluster-token").unlink()
    try:
        who(config), who(config)
    finally:
        issuer.seconds = 300
    assert len(issuer.asked) >= 3


def test_a_job_that_may_not_ask_for_a_token_is_told_what_allows_it(tmp_path: Path) -> None:
    done = run_login(tmp_path, "orders-staging", {"CLUSTERS": "{}"})

    assert done.returncode == 1
    assert "the job may not ask for one" in done.stderr
    assert "id-token: write" in done.stderr
    assert "Traceback" not in done.stderr
