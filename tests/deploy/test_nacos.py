"""Rules come from a Nacos: here from rnacos, an independent server of its protocol (`cargo install rnacos`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.core.network import free_port

from ..support.service import Service, same_release_serves
from ..support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.full]
USER, PASSWORD = "rules-keeper", "kept-by-the-test"


@dataclass
class Nacos:
    """A server that wants to know who asks; it may be killed and started again with what it keeps."""

    program: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What the service is told."""
        return f"http://127.0.0.1:{self.port}/nacos"

    def start(self) -> None:
        """Start it, and wait until it grants a token."""
        settings = {
            "RNACOS_HTTP_PORT": str(self.port),
            "RNACOS_GRPC_PORT": str(free_port()),
            "RNACOS_HTTP_CONSOLE_PORT": str(free_port()),
            "RNACOS_DATA_DIR": str(self.folder),
            "RNACOS_ENABLE_OPEN_API_AUTH": "true",
            "RNACOS_INIT_ADMIN_USERNAME": USER,
            "RNACOS_INIT_ADMIN_PASSWORD": PASSWORD,
        }
        with (self.folder / "log").open("ab") as log:
            env = {**os.environ, **settings}
            self.process = subprocess.Popen([self.program], cwd=self.folder, env=env, stdout=log, stderr=log)
        until(self._grants_a_token, "rnacos does not answer")

    def kill(self) -> None:
        """End it at once."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def publish(self, service: Service, rules: str) -> None:
        """Have rules as those of a service."""
        words = {"dataId": f"{service.folder.name}-rules", "group": "DEFAULT_GROUP", "content": rules}
        self._post(f"/v1/cs/configs?accessToken={self._token()}", words)

    def _token(self) -> str:
        return str(json.loads(self._post("/v1/auth/login", {"username": USER, "password": PASSWORD}))["accessToken"])

    def _grants_a_token(self) -> bool:
        try:
            return bool(self._token())
        except (OSError, ValueError, KeyError):
            return False

    def _post(self, path: str, form: dict[str, str]) -> bytes:
        data = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.url + path, data, timeout=10) as answer:
            return bytes(answer.read())


@pytest.fixture(scope="module")
def nacos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nacos]:
    """A server of its own."""
    program = shutil.which("rnacos")
    if program is None:
        pytest.fail("rnacos is not on the PATH: cargo install rnacos")
    server = Nacos(program, tmp_path_factory.mktemp("nacos"), free_port())
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service], nacos: Nacos) -> Service:
    """A service that follows its rules there."""
    made = make_service("process", database="none", guard="rules", rules_source="nacos")
    made.set_local(NACOS_URL=nacos.url, NACOS_USER=USER, NACOS_PASSWORD=PASSWORD)
    made.deploy()
    return made


def flow(threshold: int) -> str:
    """Rules by which so many orders an hour may come at once."""
    rule: dict[str, Any] = {"resource": "POST /v1/orders", "threshold": threshold, "statIntervalInMs": 3_600_000}
    return json.dumps({"flow": [{**rule, "burst": threshold}]})


def taken(service: Service, orders: int) -> list[int]:
    """What as many orders, one after another, are answered."""
    return [service.post("/v1/orders", {"sku": "A-1", "quantity": 1}).status for _ in range(orders)]


def test_rules_that_are_published_are_in_force_without_a_restart_and_wrong_ones_change_nothing(
    service: Service, nacos: Nacos
) -> None:
    assert taken(service, 8) == [201] * 8
    with same_release_serves(service):
        nacos.publish(service, flow(1))
        until(lambda: taken(service, 1) == [429], "the first rules are not in force")
        nacos.publish(service, '{"flow": [{"resource": "POST /v1/ordres", "threshold": 100}]}')
        until(lambda: "ordres" in service.invoke("logs", "--env=staging").stdout, "wrong rules are not told")
        assert taken(service, 2) == [429, 429]
        nacos.publish(service, flow(1000))
        until(lambda: taken(service, 1) == [201], "the next rules are not in force")


def test_rules_stay_while_nacos_is_away_and_those_published_once_it_is_back_are_in_force(
    service: Service, nacos: Nacos
) -> None:
    nacos.publish(service, flow(2000))
    until(lambda: taken(service, 1) == [201], "no order is taken")
    with same_release_serves(service):
        nacos.kill()
        assert taken(service, 5) == [201] * 5
        nacos.start()
        nacos.publish(service, flow(1))
        until(lambda: taken(service, 1) == [429], "the rules of the server that is back are not in force")


def test_a_wrong_password_is_told_and_the_rules_of_the_build_hold(service: Service, nacos: Nacos) -> None:
    service.set_local(NACOS_PASSWORD="another")
    service.deploy()

    until(lambda: "it grants no token" in service.invoke("logs", "--env=staging").stdout, "the log does not tell it")
    assert taken(service, 5) == [201] * 5
