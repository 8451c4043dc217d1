"""What programs hear of deploys: JSON lines and a webhook, on the process target, where a deploy takes a second."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ..support.service import EXIT, Service, kept, serving_does

pytestmark = pytest.mark.slow

STEPS = ["check", "build", "image", "ship", "migrate", "start", "healthy", "admit", "verify"]


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("process", database="none")
    made.deploy()
    return made


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook: its URL, and what it got."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token-of-the-webhook", got
    finally:
        server.shutdown()


@contextmanager
def webhook(service: Service, url: str) -> Iterator[None]:
    """Let the service's deploys tell a URL."""
    (service.folder / "secrets").mkdir(exist_ok=True)
    (service.folder / "secrets" / "webhook").write_text(url + "\n")
    with kept(service.folder / "invoke.yaml"):
        service.edit("invoke.yaml", "rto_seconds:", "webhook_file: secrets/webhook\nrto_seconds:")
        yield


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_step_and_the_outcome_are_a_line_each(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    service.deploy("--set=LOG_LEVEL=debug", f"--events={path}")

    events = lines(path)
    done = [event["step"] for event in events if event.get("state") == "done"]
    assert done[: len(STEPS)] == STEPS
    assert [event["step"] for event in events if event.get("state") == "started"] == done
    assert all(event["service"] == service.folder.name and event["env"] == "staging" for event in events)
    assert events[-1]["event"] == "outcome"
    assert events[-1]["outcome"] == "deployed"
    assert events[-1]["release"] == service.status()["release"]["id"]


def test_a_failure_is_a_line_with_its_step_and_reason(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with serving_does(service, EXIT):
        assert service.invoke("deploy", "--env=staging", f"--events={path}").returncode == 5

    events = lines(path)
    failed = [event for event in events if event.get("state") == "failed"]
    assert [event["step"] for event in failed] == ["healthy"]
    assert "exited at its start" in events[-1]["reason"]
    assert events[-1]["outcome"] == "failed"


def test_a_webhook_hears_each_outcome_once(service: Service) -> None:
    with receiver() as (url, got), webhook(service, url):
        service.deploy("--set=LOG_LEVEL=warn")
        service.invoke("rollback", "--env=staging")

    assert [(event["action"], event["outcome"]) for event in got] == [
        ("deploy", "deployed"),
        ("rollback", "rolled back"),
    ]


@pytest.mark.parametrize("status", [500, 0])
def test_a_webhook_that_does_not_answer_is_told_without_its_url_and_changes_nothing(
    service: Service, status: int
) -> None:
    level = "error" if status else "debug"
    with (
        receiver(status or 500) as (url, _),
        webhook(service, url if status else "http://127.0.0.1:1/token-of-the-webhook"),
    ):
        done = service.deploy(f"--set=LOG_LEVEL={level}")

    assert "the webhook was not reached" in done.stdout
    assert "token-of-the-webhook" not in done.stdout + done.stderr


def test_a_file_that_cannot_be_written_is_told_before_anything_happens(service: Service, tmp_path: Path) -> None:
    before = service.status()

    done = service.invoke("deploy", "--env=staging", f"--events={tmp_path}")

    assert done.returncode == 2
    assert "the events cannot be written" in done.stderr
    assert service.status() == before


def test_a_missing_file_of_the_webhook_is_named(service: Service) -> None:
    with kept(service.folder / "invoke.yaml"):
        service.edit("invoke.yaml", "rto_seconds:", "webhook_file: secrets/nowhere\nrto_seconds:")
        done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "secrets/nowhere" in done.stderr
