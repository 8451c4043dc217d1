"""What the tests share: rendered services, their tasks, and HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from bench.meanwhile import again_and_again

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status 0 where there was none; the names of headers are in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """A rendered service in a git repository of its own; `state` is where its tasks keep what outlives a checkout."""

    folder: Path
    state: Path
    port: int = 0
    env: dict[str, str] = field(default_factory=dict)

    def invoke(self, *words: str, cwd: Path | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a task as a user would and capture what it says."""
        return subprocess.run(
            self.command(*words),
            cwd=cwd or self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def command(self, *words: str) -> list[str]:
        """The command line of a task."""
        return [sys.executable, "-m", "invoke", *words]

    def environment(self) -> dict[str, str]:
        """The environment of a task: this process's, with a state folder of the test's own."""
        return {**os.environ, "XDG_STATE_HOME": str(self.state), "NO_COLOR": "1", **self.env}

    def deploy(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Deploy staging, which has to succeed."""
        done = self.invoke("deploy", "--env=staging", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a task and let it run, with its output as it comes."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env={**self.environment(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt_at(self, step: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a task and press Ctrl-C as soon as the line of a step appears."""
        process = self.start(*words)
        assert process.stdout
        seen = next((line for line in process.stdout if f" {step} " in line), None)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=120)
        assert seen, errors
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def take_down(self) -> None:
        """Leave nothing of it running, for the end of its tests."""
        self.invoke("down", "--env=staging", "--volumes", "--yes")

    def status(self) -> dict[str, Any]:
        """The JSON document of status."""
        done = self.invoke("status", "--env=staging", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def process(self, name: str) -> dict[str, Any]:
        """What status says of a process beside the service."""
        return next(each for each in self.status()["processes"] if each["process"] == name)

    def get(self, path: str) -> Answer:
        """GET through the front door."""
        return request("GET", f"http://127.0.0.1:{self.port}{path}")

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """POST a JSON document through the front door."""
        return request("POST", f"http://127.0.0.1:{self.port}{path}", body, headers)

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file of the service; the old text has to be there."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def commit(self, message: str = "Change") -> None:
        """Commit everything."""
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", message)

    def set_local(self, **values: str) -> None:
        """Set values in `.env.staging.local`, in place of those that are there."""
        path = self.folder / ".env.staging.local"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if line.partition("=")[0] not in values]
        path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in values.items())]) + "\n")


@contextmanager
def same_release_serves(service: Service) -> Iterator[None]:
    """What happens within leaves the release that serves, and an order of it, as they are."""
    order = service.post("/v1/orders", {"sku": "A-1", "quantity": 1}).body
    before = service.get("/version").body
    yield
    assert service.get("/version").body == before
    assert service.get("/readyz").status == 200
    assert service.get(f"/v1/orders/{order['id']}").body == order


def change(service: Service) -> None:
    """Change one line of code."""
    service.edit("api/openapi.yaml", "openapi: 3.1", f"# {time.monotonic_ns()}\nopenapi: 3.1")


EXIT = "os.Exit(7)"
HANG = "for {\n\t\t}"


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Put a file back as it was in the end."""
    content = path.read_bytes()
    try:
        yield
    finally:
        path.write_bytes(content)


@contextmanager
def serving_does(service: Service, statement: str, imports: str = "os") -> Iterator[None]:
    """Let the serve command do nothing but a statement; the other commands work."""
    path = service.folder / "cmd" / service.folder.name / "main.go"
    text = path.read_text()
    fault = f'func main() {{\n\tif len(os.Args) < 2 || os.Args[1] == "serve" {{\n\t\t{statement}\n\t}}'
    wanted = "" if f'"{imports}"' in text else f'\n\t"{imports}"'
    with kept(path):
        path.write_text(text.replace("func main() {", fault, 1).replace("import (", f"import ({wanted}", 1))
        yield


@contextmanager
def answering_as_another_build(service: Service) -> Iterator[None]:
    """Let `/version` answer what was not built, although the command `version` prints what was."""
    router = "internal/app/router.go"
    with kept(service.folder / router):
        service.edit(router, "c.JSON(http.StatusOK, r.build)", 'c.JSON(http.StatusOK, gin.H{"version": "another"})')
        yield


@contextmanager
def versions_seen(service: Service) -> Iterator[set[str]]:
    """Every version that the front door answers with meanwhile."""
    seen: set[str] = set()
    with again_and_again(lambda: seen.add(str(service.get("/version").body["version"]))):
        yield seen


def request(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """One HTTP request on a connection of its own."""
    data = json.dumps(body).encode() if body is not None else None
    sent = {"Content-Type": "application/json", **(headers or {})}
    call = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=10) as answer:
            return Answer(answer.status, _document(answer.read()), _headers(answer.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _document(error.read()), _headers(error.headers))
    except OSError as error:
        return Answer(0, str(error))


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; gives what it prints."""
    name = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the docker command and capture what it says."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)


def parse_answer(text: str) -> Answer:
    """An answer that another process printed as JSON."""
    status, body = json.loads(text)
    return Answer(status, body)


def _headers(message: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in message.items()}


def _document(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
