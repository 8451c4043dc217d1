"""The page for the API works in a real browser, which asks nobody but the service."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from service_tasks.engine.core.network import fetch_json, free_port

from ..conftest import Render
from ..support.browser import Page, opened
from ..support.waiting import until

pytestmark = pytest.mark.slow
MODULE = "example.com/shop/orders"


@pytest.fixture(scope="module")
def program(rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service without a database."""
    built = tmp_path_factory.mktemp("program") / "orders"
    argv = ["go", "build", "-tags", "nomsgpack", "-o", str(built), "./cmd/orders"]
    subprocess.run(argv, cwd=rendered(database="none"), check=True, env={**os.environ, "CGO_ENABLED": "0"})
    return built


@pytest.fixture
def environment() -> str:
    """Which one the service runs in."""
    return "dev"


@pytest.fixture
def url(program: Path, environment: str, tmp_path: Path) -> Iterator[str]:
    """Where the service answers."""
    port = free_port()
    env = {"APP_ENV": environment, "HTTP_PORT": str(port), "ADMIN_PORT": "0", "LISTEN_HOST": "127.0.0.1"}
    with (tmp_path / "log").open("w") as log, subprocess.Popen([program, "serve"], env=env, stdout=log) as process:
        try:
            until(lambda: fetch_json(f"http://127.0.0.1:{port}/readyz")[0] == 200, "the service is not ready")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
def page(url: str, tmp_path: Path) -> Iterator[Page]:
    """The page for the API, with one request opened."""
    with opened(f"{url}/docs/#/operations/version", tmp_path / "browser") as page:
        page.wait("document.querySelectorAll('.opblock').length > 0")
        yield page


def test_it_shows_every_request_of_the_document_and_asks_nobody_but_the_service(
    page: Page, url: str, rendered: Render
) -> None:
    document = yaml.safe_load((rendered(database="none") / "api" / "openapi.yaml").read_text())
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    words = "[...each.querySelectorAll('.opblock-summary-method, .opblock-summary-path')].map(part => part.innerText)"

    shown = page.evaluate(f"JSON.stringify([...document.querySelectorAll('.opblock')].map(each => {words}))")

    assert {" ".join(each).replace("\u200b", "") for each in json.loads(shown)} == described
    assert page.evaluate("document.title") == document["info"]["title"]
    assert [asked for asked in page.requests if not asked.startswith((f"{url}/", "data:"))] == []
    assert page.complaints == []


def test_a_request_that_is_tried_out_is_answered_by_the_service(page: Page) -> None:
    page.wait("document.querySelector('.opblock.is-open .execute') !== null")
    page.evaluate("document.querySelector('.opblock.is-open .execute').click()")

    page.wait("document.querySelector('.live-responses-table tbody .response-col_status')?.innerText.startsWith('200')")

    assert '"service"' in page.evaluate("document.querySelector('.live-responses-table').innerText")
    assert page.complaints == []


@pytest.mark.parametrize("environment", ["prod", "canary"])
def test_production_has_none(url: str) -> None:
    assert fetch_json(f"{url}/docs/")[0] == 404
