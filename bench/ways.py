"""The ways of deploying that are measured side by side, all with the same service and the same base images."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from .engine import docker, images_of
from .service import ENV, Run, Service, run

PASSWORD = "bench-password"
ARTICLE = """\
FROM {go} AS builder
WORKDIR /app
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -o main ./cmd/{name}

FROM {runtime}
WORKDIR /root/
COPY --from=builder /app/main .
CMD ["./main"]
"""
"""The two-stage Dockerfile of many articles: its layers are cached, Go's own caches are not."""

SLOW_PROBE = {"interval": "10s", "timeout": "3s", "retries": 3}
FAST_PROBE = {"interval": "5s", "timeout": "3s", "retries": 3, "start_period": "60s", "start_interval": "100ms"}


class Deploys(Protocol):
    """What brings a service to where it runs."""

    service: Service

    def deploy(self) -> Run:
        """Deploy the code as it is."""

    def rollback(self) -> Run:
        """Return to the release before the last `deploy`."""

    def fail(self) -> Run:
        """Deploy code that ends at its start."""


class Way(Deploys, Protocol):
    """A way to deploy on one engine: `deploy` takes the code as it is, `switch` only another log level."""

    title: str

    def prepare(self) -> None:
        """Bring the service up for the first time."""

    def switch(self, level: str) -> Run:
        """Have the same code serve with another log level, without a build."""

    def known(self, done: Run) -> float:
        """When a deploy said that the new release is ready, in seconds since 1970."""

    def told(self, done: Run, words: str) -> float:
        """When a deploy that failed said why: `words` are the service's own, where it shows them."""

    def containers(self) -> list[str]:
        """The names of the containers that the service runs in."""

    def image(self) -> str:
        """The id of the image that was deployed last."""

    def take_down(self) -> None:
        """Remove all of it, data included."""


class Invoke:
    """`invoke deploy`: two slots behind a front door."""

    title = "invoke deploy"

    def __init__(self, service: Service) -> None:
        self.service = service

    def prepare(self) -> None:
        """The first deploy brings the stack up."""
        self.deploy()

    def deploy(self) -> Run:
        """One command."""
        return self.service.invoke("deploy", f"--env={ENV}", "--json")

    def switch(self, level: str) -> Run:
        """A deploy of another value."""
        return self.service.invoke("deploy", f"--env={ENV}", f"--set=LOG_LEVEL={level}", "--json")

    def rollback(self) -> Run:
        """Return to the former release."""
        return self.service.invoke("rollback", f"--env={ENV}", "--json")

    def fail(self) -> Run:
        """The former release goes on serving."""
        return self.service.invoke("deploy", f"--env={ENV}", status=5)

    def known(self, done: Run) -> float:
        """The line of the step `healthy`."""
        return done.at(" healthy ")

    def told(self, done: Run, words: str) -> float:
        """The message ends with the service's log."""
        return done.at(words)

    def containers(self) -> list[str]:
        """Both slots."""
        return [f"{self.service.name}-{ENV}-app-{slot}-1" for slot in ("blue", "green")]

    def image(self) -> str:
        """The newest of the service's images."""
        return images_of(self.service.name)[0]

    def take_down(self) -> None:
        """Down with its data."""
        self.service.invoke("down", f"--env={ENV}", "--volumes", "--yes")


class Compose:
    """`docker compose up --wait` with one container of the service, which has the published port itself."""

    def __init__(
        self, title: str, service: Service, images: Mapping[str, str], probe: Mapping[str, Any], article: bool
    ) -> None:
        self.title = title
        self.service = service
        self._project = service.folder.parent.name
        self._tag = f"{service.name}-{self._project}:latest"
        self._file = service.folder / "docker-compose.bench.json"
        binary = "./main" if article else "/app"
        self._migrate = ["./main", "migrate"] if article else ["migrate"]
        dockerfile = "Dockerfile"
        if article:
            dockerfile = "Dockerfile.article"
            text = ARTICLE.format(go=images["GO_IMAGE"], runtime=images["RUNTIME_IMAGE"], name=service.name)
            (service.folder / dockerfile).write_text(text, encoding="utf-8")
        build = {"context": ".", "dockerfile": dockerfile, "args": {"GO_IMAGE": images["GO_IMAGE"]}}
        health = {"test": ["CMD", binary, "healthcheck"], **probe}
        self._file.write_text(json.dumps(self._document(build, health, images["POSTGRES_IMAGE"])), encoding="utf-8")

    def prepare(self) -> None:
        """Build, migrate, bring up."""
        self._compose("build")
        self._compose("run", "--rm", "app", *self._migrate)
        self._compose("up", "--detach", "--wait")

    def deploy(self) -> Run:
        """One command, as above in the documentation of Compose."""
        return self._compose("up", "--detach", "--build", "--wait", "app")

    def switch(self, level: str) -> Run:
        """Compose recreates the container, as its environment has changed."""
        return self._compose("up", "--detach", "--no-build", "--wait", "app", level=level)

    def rollback(self) -> Run:
        """Put the former line back, as by git, and run the same command."""
        self.service.undo()
        return self.deploy()

    def fail(self) -> Run:
        """Compose notices that the container has ended."""
        return self._compose("up", "--detach", "--build", "--wait", "app", status=1)

    def known(self, done: Run) -> float:
        """The end of the command: before, Compose says no more than that it waits."""
        return done.ended

    def told(self, done: Run, words: str) -> float:
        """The end of the command, which says that the container has ended, and not why."""
        return done.ended

    def containers(self) -> list[str]:
        """The one that Compose makes anew."""
        return [f"{self._project}-app-1"]

    def image(self) -> str:
        """What its tag leads to."""
        return docker("image", "inspect", "--format={{.Id}}", self._tag)

    def take_down(self) -> None:
        """Down with its data."""
        self._compose("down", "--volumes", "--timeout", "5")

    def _compose(self, *words: str, level: str = "info", status: int = 0) -> Run:
        command = ["docker", "compose", "--project-name", self._project, "--file", self._file.name, *words]
        return run(command, self.service.folder, {**os.environ, "LEVEL": level}, status)

    def _document(self, build: dict[str, Any], health: dict[str, Any], database: str) -> dict[str, Any]:
        name = self.service.name
        app = {
            "build": build,
            "image": self._tag,
            "ports": [f"127.0.0.1:{self.service.port}:8080"],
            "environment": {
                "APP_ENV": ENV,
                "HTTP_PORT": "8080",
                # It stops at once: the two seconds that it waits by default would only make this way look worse.
                "DRAIN_LEAD": "0s",
                "LOG_LEVEL": "${LEVEL}",
                "DATABASE_URL": f"postgres://{name}@database:5432/{name}?sslmode=disable",
                "DATABASE_PASSWORD": PASSWORD,
            },
            "depends_on": {"database": {"condition": "service_healthy"}},
            "healthcheck": health,
            "stop_grace_period": "30s",
        }
        probe = ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1", f"--username={name}"]
        store = {
            "image": database,
            "environment": {"POSTGRES_USER": name, "POSTGRES_DB": name, "POSTGRES_PASSWORD": PASSWORD},
            "healthcheck": {"test": probe, "interval": "1s", "timeout": "3s", "retries": 60},
        }
        return {"services": {"app": app, "database": store}}


class PlainCompose(Compose):
    """`docker compose up --build --wait` of the stack that the template generates, front door included."""

    def __init__(self, service: Service, images: Mapping[str, str], tag: str) -> None:
        self.title = "plain Compose: the generated stack, compose up --build --wait"
        self.service = service
        self._project = service.folder.parent.name
        self._tag = tag
        self._images = images

    def prepare(self) -> None:
        """The same command brings it up."""
        self.deploy()

    def deploy(self) -> Run:
        """One command, as the compose file's first lines say."""
        return self._compose("up", "--detach", "--build", "--wait")

    def containers(self) -> list[str]:
        """The one slot that plain Compose uses."""
        return [f"{self._project}-app-blue-1"]

    def _compose(self, *words: str, level: str = "info", status: int = 0) -> Run:
        command = ["docker", "compose", "--project-name", self._project, *words]
        own = {"EDGE_PORT": str(self.service.port), "APP_IMAGE": self._tag}
        return run(command, self.service.folder, {**os.environ, **self._images, **own, "LOG_LEVEL": level}, status)


def article_way(service: Service, base: Path, images: Mapping[str, str]) -> Compose:
    """As the articles show it."""
    copy = service.copy(base / f"{service.name}-article" / service.name)
    return Compose("article: two-stage build, compose up --wait", copy, images, SLOW_PROBE, article=True)


def compose_way(service: Service, base: Path, images: Mapping[str, str]) -> Compose:
    """Compose at its best: the template's own Dockerfile with caches, and a fast probe."""
    copy = service.copy(base / f"{service.name}-compose" / service.name)
    return Compose("compose at its best: cached build, fast probe", copy, images, FAST_PROBE, article=False)


def plain_way(service: Service, base: Path, images: Mapping[str, str]) -> PlainCompose:
    """The stack that is generated, without the tasks."""
    copy = service.copy(base / f"{service.name}-plain" / service.name)
    return PlainCompose(copy, images, f"{service.name}-plain:latest")
