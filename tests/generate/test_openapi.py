"""Service and OpenAPI document agree: whatever is sent by the document is answered by it, with every store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_tasks.engine.core.network import free_port

from ..conftest import Render
from ..support.service import request
from ..support.waiting import until
from .checkouts import WITHOUT_TLS, build, checkout

pytestmark = pytest.mark.slow

EXAMPLES = "60"
"""How many requests are made up for each operation, in each of the ways of making them up."""


@pytest.fixture(
    scope="module", params=["none", "sqlite", *(pytest.param(name, marks=pytest.mark.docker) for name in WITHOUT_TLS)]
)
def url(request: pytest.FixtureRequest, rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that runs, with each of the stores."""
    base = tmp_path_factory.mktemp("openapi")
    service = checkout(rendered(database=request.param), base)
    # A second feature beside the example, as the task writes it.
    added = service.invoke("new.feature", "price-list")
    assert added.returncode == 0, added.stdout + added.stderr
    build(service, "--env=staging")
    values = {"APP_ENV": "staging", "LISTEN_HOST": "127.0.0.1", "HTTP_PORT": str(free_port()), "ADMIN_PORT": "0"}
    if request.param == "sqlite":
        values["DATABASE_URL"] = f"sqlite:{base}/orders.db"
    elif request.param in WITHOUT_TLS:
        scheme, user, password, rest = split(str(request.getfixturevalue(request.param)))
        values |= {
            "DATABASE_URL": f"{scheme}://{user}@{rest}?{WITHOUT_TLS[request.param]}",
            "DATABASE_PASSWORD": password,
        }
    binary = str(service.folder / "dist" / "orders-staging")
    if request.param != "none":
        subprocess.run([binary, "migrate"], env=values, check=True, capture_output=True)
    with (base / "log").open("wb") as log:
        process = subprocess.Popen([binary, "serve"], env=values, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{values['HTTP_PORT']}"
        until(lambda: get_status(f"{address}/readyz") == 200, (base / "log").read_text)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def split(location: str) -> tuple[str, str, str, str]:
    """Scheme, user, password and the rest of a URL of a database."""
    scheme, _, location = location.partition("://")
    credentials, _, rest = location.partition("@")
    user, _, password = credentials.partition(":")
    return scheme, user, password, rest


def get_status(address: str) -> int:
    """The status of a GET."""
    return request("GET", address).status


def test_every_answer_is_one_that_the_document_names(url: str, tmp_path: Path) -> None:
    schemathesis = str(Path(sys.executable).with_name("schemathesis"))
    words = ["--checks=all", f"--max-examples={EXAMPLES}", "--seed=1", "--no-color"]

    done = subprocess.run(
        [schemathesis, "run", f"{url}/openapi.yaml", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
