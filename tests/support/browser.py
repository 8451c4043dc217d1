"""A real browser, Chromium without a window, driven by the DevTools protocol over a pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from .waiting import until

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # It runs as root in CI, and sees nothing but the service.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-pipe",
)
END = b"\0"
"""What a message ends with, on a pipe."""


@dataclass
class Page:
    """A page that is open: what it has asked for, and what it has complained about."""

    _write: BinaryIO
    _read: BinaryIO
    session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _number: int = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and gather what happens until its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self._write.write(json.dumps(message).encode() + END)
        self._write.flush()
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, answer["error"]
        found: dict[str, Any] = answer["result"]
        return found

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        until(lambda: bool(self.evaluate(expression)), f"in the page, {expression} does not become true")

    def _next(self) -> dict[str, Any]:
        data = b""
        while not data.endswith(END):
            part = self._read.read(1)
            assert part, "the browser has ended"
            data += part
        message: dict[str, Any] = json.loads(data[: -len(END)])
        return message

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event.get("method") == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))


@contextmanager
def opened(url: str, profile: Path) -> Iterator[Page]:
    """Open a page in a browser of its own, whose files are in a folder; skips where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail("there is no Chromium")
        pytest.skip("there is no Chromium (REQUIRE_BROWSER=1 makes this an error)")
    to_browser, commands = os.pipe()
    answers, from_browser = os.pipe()
    # It reads from 3 and writes to 4.
    redirected = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    process = subprocess.Popen(
        ["bash", "-c", redirected, "--", found, *OPTIONS, f"--user-data-dir={profile}"],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    with os.fdopen(commands, "wb") as write, os.fdopen(answers, "rb") as read:
        try:
            page = Page(write, read)
            target = page.call("Target.createTarget", url="about:blank")["targetId"]
            page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Network", "Log", "Runtime", "Page"):
                page.call(f"{domain}.enable")
            page.call("Page.navigate", url=url)
            yield page
        finally:
            process.terminate()
            process.wait(timeout=30)
