"""The component with an OpenTelemetry collector: what it gets from the pods, and from whoever sends OTLP, goes on."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service_tasks.engine.build.toolchain import find_go
from service_tasks.engine.core.network import free_port

from ..hosts.remote_hosts import Registry
from ..support.service import docker, request
from ..support.waiting import until
from .cluster import ServiceInCluster, add_component, kubectl

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.full]

OTEL = "go.opentelemetry.io/collector"
CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
MODULES = (
    f"{OTEL}/otelcol@v0.165.0",
    f"{OTEL}/component@v1.71.0",
    f"{OTEL}/confmap/provider/envprovider@v1.71.0",
    f"{OTEL}/confmap/provider/fileprovider@v1.71.0",
    f"{OTEL}/exporter/otlphttpexporter@v0.165.0",
    f"{OTEL}/processor/batchprocessor@v0.165.0",
    f"{OTEL}/processor/memorylimiterprocessor@v0.165.0",
    f"{OTEL}/receiver/otlpreceiver@v0.165.0",
    f"{CONTRIB}/extension/healthcheckextension@v0.165.1",
    f"{CONTRIB}/receiver/prometheusreceiver@v0.165.1",
)
IMAGE = 'FROM scratch\nCOPY collector /collector\nUSER 10001\nENTRYPOINT ["/collector"]\n'


@pytest.fixture(scope="module")
def image(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A collector made of its own modules, where the cluster pulls from."""
    folder = tmp_path_factory.mktemp("collector")
    shutil.copy(Path(__file__).with_name("collector") / "main.go", folder)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    for words in (["mod", "init", "collector"], ["get", *MODULES], ["build", "-o", "collector", "."]):
        subprocess.run([find_go(), *words], cwd=folder, env=environment, check=True, timeout=1800)
    (folder / "Dockerfile").write_text(IMAGE)
    name = f"{registry.address}/tests/collector:1"
    for words in (["build", "--quiet", f"--tag={name}", str(folder)], ["push", "--quiet", name]):
        assert docker(*words).returncode == 0
    return name


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a server of this machine that takes everything, and the bodies that it got."""
    got: list[bytes] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is said of what it takes."""

    nodes = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    port = free_port()
    with http.server.ThreadingHTTPServer(("0.0.0.0", port), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{nodes[0]['status']['addresses'][0]['address']}:{port}", got
        server.shutdown()


def test_metrics_of_every_pod_and_what_was_sent_by_otlp_arrive(
    make_in_cluster: Callable[..., ServiceInCluster], image: str
) -> None:
    service = make_in_cluster()
    name, _, tag = image.rpartition(":")
    with listening() as (url, got):
        add_component(service.folder / "deploy/kubernetes/overlays/staging/kustomization.yaml", "collector")
        service.edit(
            "deploy/kubernetes/overlays/staging/kustomization.yaml",
            "images:\n",
            f"images:\n  - {{name: otel/opentelemetry-collector, newName: {name}, newTag: '{tag}'}}\n",
        )
        service.edit("deploy/kubernetes/components/collector/deployment.yaml", "https://otlp.example.com", url)
        service.commit("Send metrics to the test")
        service.deploy()
        service.post("/v1/orders", {"sku": "A-1", "quantity": 1})
        wanted = [b"http_requests_total", service.namespace.encode()]
        wanted += [f"{pod['status']['podIP']}:9090".encode() for pod in service.pods()]
        until(lambda: all(word in b"".join(got) for word in wanted), "the metrics of some pod do not arrive")

        address = service.read("service", "collector")["spec"]["clusterIP"]
        span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "a span of the test"}
        spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        assert request("POST", f"http://{address}:4318/v1/traces", spans, {}).status == 200
        until(lambda: any(b"a span of the test" in body for body in got), "what was sent by OTLP does not arrive")
