"""The commands of the pipelines that deploy do what they say, and show nothing secret, wherever they run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Render
from ..support.service import Service
from .pipelines import DEPLOY, commands, gitlab, jobs, workflow

pytestmark = pytest.mark.slow

FAKE_DOCKER = '#!/bin/sh\necho "$@" >> "$CALLS"\ncat >> "$CALLS.stdin"\n'
OF_ENVIRONMENT = re.compile(
    r"\$\{\{ github\.ref_type == 'tag' && (secrets|vars)\.PROD_(\w+) \|\| "
    r"github\.ref_type == 'branch' && \1\.STAGING_\2 \|\| '' \}\}"
)
"""How Forgejo's workflow chooses a setting: never staging's where prod has none."""


@dataclass
class Machine:
    """A machine that runs the commands of a pipeline for staging, with these secrets and variables."""

    service: Service
    home: Path
    ci: str
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    task: str = f"{sys.executable} -m invoke"
    """What stands for `./inv`."""

    def run(self) -> list[subprocess.CompletedProcess[str]]:
        """Run the commands one after the other until one fails."""
        done: list[subprocess.CompletedProcess[str]] = []
        for step in commands(self.service.folder, self.ci, DEPLOY):
            if not (done and done[-1].returncode):
                done.append(self._step(step))
        return done

    def only_prepare(self) -> list[subprocess.CompletedProcess[str]]:
        """The same without the deploy itself, which is only written down."""
        self.task = "echo would run"
        done = self.run()
        assert [each.returncode for each in done if each.returncode] == [], done[-1].stderr
        return done

    def made(self, name: str) -> Path:
        """A file that the commands have made for the time of the job."""
        return next(self.home.rglob(name))

    def _step(self, step: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        told = self.home / "env"
        told.touch()
        before = dict(line.split("=", 1) for line in told.read_text().splitlines())
        path = f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].replace("./inv", self.task)],
            cwd=self.service.folder,
            env={**self.service.environment(), **self._given(), **before, **self._own(step), "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _given(self) -> dict[str, str]:
        """What every step has: the pipeline's own variables."""
        here = {"HOME": str(self.home), "DEPLOY_ENV": "staging", "TMPDIR": str(self.home)}
        if self.ci == "gitlab":
            return {**here, "GITLAB_USER_NAME": "Test", "GITLAB_USER_EMAIL": "test@localhost"}
        names = {"GITHUB_ACTOR": "test", "GITHUB_SERVER_URL": "https://forge.example.com"}
        return {**here, **names, "RUNNER_TEMP": str(self.home), "GITHUB_ENV": str(self.home / "env")}

    def _own(self, step: dict[str, Any]) -> dict[str, str]:
        """A step's own variables. GitLab gives a job those of its environment by their names."""
        if self.ci == "gitlab":
            return {**self.variables, **self.secrets}
        return {name: self._value(text) for name, text in step.get("env", {}).items()}

    def _value(self, text: str) -> str:
        plain = re.compile(r"\$\{\{ (secrets|vars)\.(\w+) \}\}")
        found = (OF_ENVIRONMENT if self.ci == "forgejo" else plain).fullmatch(text)
        assert found, f"an expression that this test does not know: {text}"
        return {"secrets": self.secrets, "vars": self.variables}[found[1]].get(found[2], "")


@pytest.fixture(scope="module", params=["github", "gitlab", "forgejo"])
def ci(request: pytest.FixtureRequest) -> str:
    """Each place where pipelines run."""
    return str(request.param)


@pytest.fixture(scope="module")
def service(ci: str, make_service: Callable[..., Service]) -> Service:
    """A service with pipelines for that place."""
    return make_service("process", database="none", kubernetes=True, ci=ci)


@pytest.fixture
def machine(ci: str, service: Service, tmp_path: Path) -> Machine:
    """A machine with a clone of the service."""
    (tmp_path / "bin").mkdir()
    apt = tmp_path / "bin" / "apt-get"
    apt.write_text("#!/bin/sh\n")
    apt.chmod(0o755)
    # Its home is empty, and Go's caches need not be.
    told = subprocess.run(["go", "env", "-json", "GOCACHE", "GOMODCACHE"], capture_output=True, text=True, check=True)
    service.env = json.loads(told.stdout)
    (service.folder / ".env.staging.local").unlink(missing_ok=True)
    return Machine(service, tmp_path, ci)


def test_it_deploys_with_the_values_that_the_environment_keeps(machine: Machine) -> None:
    port = machine.service.port
    machine.secrets["VALUES"] = f"LOG_LEVEL=error\nEDGE_PORT={port}"
    machine.variables["DEPLOY_OPTIONS"] = "--timeout=50 --events=events.jsonl"

    done = machine.run()

    assert {each.returncode for each in done} == {0}, done[-1].stdout + done[-1].stderr
    assert (machine.service.folder / ".env.staging.local").stat().st_mode & 0o777 == 0o600
    assert machine.service.get("/readyz").status == 200
    assert (machine.service.folder / "events.jsonl").exists()
    assert "LOG_LEVEL" in machine.service.invoke("env.show", "--env=staging").stdout


def test_a_failed_deploy_fails_the_pipeline_with_the_tasks_own_code(machine: Machine) -> None:
    machine.secrets["VALUES"] = "LOG_LEVEL=loud"

    assert machine.run()[-1].returncode == 2


def test_a_key_for_ssh_is_held_by_an_agent_and_written_nowhere(machine: Machine) -> None:
    key = machine.home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    machine.secrets |= {"SSH_KEY": key.read_text(), "SSH_KNOWN_HOSTS": "one.example.com ssh-ed25519 AAAA"}
    line = key.read_text().splitlines()[2]
    key.unlink()

    done = machine.only_prepare()

    socket = str(machine.made("agent.sock"))
    listed = subprocess.run(
        ["ssh-add", "-l"], env={**os.environ, "SSH_AUTH_SOCK": socket}, capture_output=True, text=True
    )
    subprocess.run(["pkill", "-f", socket], check=False)
    assert "ED25519" in listed.stdout
    assert "one.example.com" in (machine.home / ".ssh" / "known_hosts").read_text()
    assert line not in "".join(each.stdout + each.stderr for each in done)
    files = [path for folder in (machine.home, machine.service.folder) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if line.encode() in path.read_bytes()] == []


def test_a_password_comes_by_no_command_line(machine: Machine) -> None:
    docker = machine.home / "bin" / "docker"
    docker.write_text(FAKE_DOCKER)
    docker.chmod(0o755)
    machine.service.env["CALLS"] = str(machine.home / "calls")
    machine.secrets["REGISTRY_PASSWORD"] = "a-secret"
    machine.variables |= {"REGISTRY": "registry.example.com", "REGISTRY_USER": "robot"}

    done = machine.only_prepare()

    calls = (machine.home / "calls").read_text().splitlines()
    assert calls[0] == "login --username robot --password-stdin registry.example.com"
    assert (machine.home / "calls.stdin").read_text() == "a-secret"
    assert "a-secret" not in "".join(each.stdout + each.stderr for each in done)


def test_a_cluster_is_logged_in_to_without_any_credentials_that_were_kept(machine: Machine) -> None:
    machine.variables["CLUSTERS"] = "{apiVersion: v1, kind: Config, current-context: staging}"
    issuer = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://issuer.example.com/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
    machine.service.env |= {"CLUSTER_TOKEN": "a-token"} if machine.ci == "gitlab" else issuer
    machine.task = "env | grep ^KUBECONFIG= #"

    done = machine.run()

    assert done[-1].returncode == 0, done[-1].stderr
    clusters, login = machine.made("clusters.yaml"), machine.made("login.yaml")
    assert f"KUBECONFIG={clusters}:{login}" in done[-1].stdout
    assert clusters.read_text() == machine.variables["CLUSTERS"] + "\n"
    assert {path.stat().st_mode & 0o777 for path in login.parent.glob("*.yaml")} == {0o600}
    if machine.ci == "gitlab":
        assert machine.made("cluster-token").read_text() == "a-token"
    else:
        asked = json.loads(machine.made("token-request.json").read_text())["url"]
        assert asked == f"https://issuer.example.com/?a=b&audience={machine.service.folder.name}-staging"


# --- What starts them -----------------------------------------------------------------------------


def test_what_was_checked_is_deployed_and_only_once_somebody_has_said_so(rendered: Render) -> None:
    check, deploy = jobs(workflow(rendered(), DEPLOY))

    assert check == {"uses": "./.github/workflows/ci.yml"}
    assert (deploy["needs"], deploy["if"]) == ("check", "vars.DEPLOY == 'true'")
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    assert deploy["environment"] == deploy["env"]["DEPLOY_ENV"]


@pytest.mark.parametrize("ci", ["github", "forgejo"])
def test_what_is_pushed_to_main_is_checked_once(rendered: Render, ci: str) -> None:
    folder = rendered(ci=ci)

    assert set(workflow(folder, "ci.yml", ci)["on"]) == {"pull_request", "workflow_call"}
    assert workflow(folder, DEPLOY, ci)["on"]["push"] == {"branches": ["main"], "tags": ["v*"]}


def test_forgejos_jobs_ask_for_tokens_where_there_is_a_cluster_to_log_in_to(rendered: Render) -> None:
    asks = [
        jobs(workflow(rendered(ci="forgejo", kubernetes=on), DEPLOY, "forgejo"))[1].get("enable-openid-connect")
        for on in (True, False)
    ]

    assert asks == [True, None]


def test_gitlab_deploys_main_to_staging_and_a_tag_to_prod_once_a_person_starts_it(rendered: Render) -> None:
    document = gitlab(rendered(ci="gitlab", kubernetes=True))
    staging, prod = document["deploy-staging"], document["deploy-prod"]

    assert '$DEPLOY == "true"' in staging["rules"][0]["if"] and "$CI_DEFAULT_BRANCH" in staging["rules"][0]["if"]
    assert prod["rules"] == [{"if": '$DEPLOY == "true" && $CI_COMMIT_TAG =~ /^v/', "when": "manual"}]
    for name, job in (("staging", staging), ("prod", prod)):
        assert (job["environment"], job["resource_group"], job["variables"]) == (name, name, {"DEPLOY_ENV": name})
        assert job["id_tokens"] == {"CLUSTER_TOKEN": {"aud": f"orders-{name}"}}
    assert document["stages"].index("check") < document["stages"].index(staging["stage"])
