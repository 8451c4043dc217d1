"""What docs/update.md tells each of its readers to type does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maintain.rendering import use_target, write_local_values
from service_tasks.engine.core.network import free_port

from ..support.service import ROOT, Service
from ..support.template_versions import commit
from .updating import Garage

pytestmark = pytest.mark.slow

EARLIER, NEWEST = "v1.2.0", "v1.3.0"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_for(reader: str) -> list[list[str]]:
    """The words of each command below a reader's heading."""
    section = (ROOT / "docs" / "update.md").read_text().partition(f"\n### {reader}\n")[2].partition("\n## ")[0]
    block = BLOCK.search(section.partition("\n### ")[0])
    assert block, f"{reader} is told no command"
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


def type_them(commands: list[list[str]], folder: Path, env: dict[str, str], *options: str) -> dict[str, str]:
    """Type commands one after the other, each of which has to succeed; what they print by the words after the first."""
    printed = {}
    for first, *words in commands:
        argv = [sys.executable, "-m", "invoke", *options, *words] if first == "./inv" else [first, *words]
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, f"{' '.join([first, *words])}\n{done.stdout}{done.stderr}"
        printed[" ".join(words)] = done.stdout
    return printed


@pytest.fixture(scope="module")
def service(garage: Garage) -> Iterator[Service]:
    """A service of an earlier version that is deployed to processes of this machine."""
    folder = garage.service(EARLIER).folder
    service = Service(folder, folder.parent / f"{folder.name}-state", free_port())
    service.env |= {
        f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    use_target(folder, "process")
    write_local_values(folder, {"EDGE_PORT": str(service.port)}, ("staging",))
    commit(folder, "Deploy to processes")
    service.deploy()
    yield service
    service.invoke("down", "--env=staging", "--volumes", "--yes")


@pytest.fixture(scope="module")
def updated(service: Service) -> dict[str, str]:
    """What the developer of the service types."""
    return type_them(commands_for("The developer of a service"), service.folder, service.environment())


def test_a_developer_brings_the_service_to_the_newest_version(service: Service, updated: dict[str, str]) -> None:
    status = json.loads(service.invoke("template.status", "--json").stdout)

    assert EARLIER in updated["template.status"]
    assert "Dockerfile" in updated["diff --cached --stat"]
    assert status["version"] == status["newest"] == NEWEST
    assert status["clean"] is True


def test_an_operator_deploys_the_update_and_could_return(service: Service, updated: dict[str, str]) -> None:
    before = service.get("/version").body

    printed = type_them(commands_for("The operator"), service.folder, service.environment())

    assert before["version"] in printed["deploy --env=staging --plan"]
    assert "Deployed" in printed["deploy --env=staging"]
    assert service.get("/version").body == before


def test_a_platform_engineer_brings_services_to_the_newest_version(garage: Garage, tmp_path: Path) -> None:
    folder = garage.service(EARLIER).folder
    (tmp_path / "services.txt").write_text(f"{folder}\n")
    own = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    env = {**os.environ, **own, "GOCACHE": cache, "NO_COLOR": "1"}

    printed = type_them(commands_for("The platform engineer"), tmp_path, env, "--search-root", str(ROOT))

    assert EARLIER in printed["fleet.status services.txt"]
    assert "would update" in printed["fleet.update --dry services.txt"]
    assert "1 service in " in printed["fleet.update services.txt --report=report"]
    assert f"| {EARLIER} | {NEWEST} | updated |" in (tmp_path / "report" / "summary.md").read_text()
