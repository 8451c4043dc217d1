"""Observation of a service that runs: what is counted is what was sent, and the service does not notice."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.observe import probes
from service_tasks.engine.observe.binary import Binary, parse_binary

from ..support.service import Service, docker
from ..support.waiting import until

pytestmark = pytest.mark.full  # it needs root, bpftrace and a kernel with uprobes
SENT = {("POST", "/v1/orders"): 300, ("GET", "/v1/orders/:id"): 500, ("GET", "unmatched"): 7}
BREAKPOINT = b"\xcc"
PROBED = (probes.BEGIN, probes.LABELS, probes.END, probes.STATUS, probes.PARK)


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Iterator[Service]:
    made = make_service(str(request.param), database="none")
    made.deploy()
    yield made


def serving_process(service: Service) -> int:
    """The process that serves, found otherwise than by the tasks."""
    names = docker("ps", "--format={{.Names}}").stdout.split()
    container = next((name for name in names if name.startswith(service.folder.name) and "-app-" in name), "")
    if container:
        return int(docker("inspect", "--format={{.State.Pid}}", container).stdout)
    state = next(service.state.rglob("app-*.process"), None) or next(service.state.rglob("blue.process"))
    return int(json.loads(state.read_text())["pid"])


def text_of(pid: int, binary: Binary) -> list[bytes]:
    """The first byte of each place for a probe, as the process has it in its memory."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        found = []
        for function in PROBED:
            memory.seek(binary.probe_address(function) - binary.text.offset + binary.text.address)
            found.append(memory.read(1))
        return found


def send(service: Service) -> None:
    """The requests of SENT on one connection, each of which has to be answered as it should."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)

    def ask(method: str, path: str, wanted: int) -> bytes:
        body = json.dumps({"sku": "A-1", "quantity": 1}) if method == "POST" else None
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == wanted, text
        return text

    for _ in range(SENT["POST", "/v1/orders"]):
        order = json.loads(ask("POST", "/v1/orders", 201))["id"]
    for _ in range(SENT["GET", "/v1/orders/:id"]):
        ask("GET", f"/v1/orders/{order}", 200)
    for _ in range(SENT["GET", "unmatched"]):
        ask("GET", "/nothing/here", 404)
    connection.close()


@pytest.fixture(scope="module")
def observed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an observation under load says, and what it did to the process."""
    pid = serving_process(service)
    binary = parse_binary(Path(f"/proc/{pid}/exe").read_bytes())
    before = text_of(pid, binary)
    words = ("observe", "--env=staging", "--seconds=8", f"--output={tmp_path_factory.mktemp('pictures')}", "--json")
    observing = service.start(*words)
    until(lambda: text_of(pid, binary) == [BREAKPOINT] * 5 or observing.poll() is not None, "no probes were put")
    send(service)
    out, errors = observing.communicate(timeout=120)
    assert observing.returncode == 0, errors
    document: dict[str, Any] = json.loads(out)
    return {**document, "progress": errors, "untouched": text_of(pid, binary) == before, "stripped": binary.stripped}


def test_each_request_is_counted_under_its_route(observed: dict[str, Any]) -> None:
    counted = {(each["method"], each["route"]): each["requests"] for each in observed["routes"]}

    assert observed["stripped"]
    assert {name: counted.get(name) for name in SENT} == SENT
    for route in observed["routes"]:
        assert sum(bucket["requests"] for bucket in route["buckets"]) == route["requests"]
        assert 0 < route["p50_seconds"] <= route["p90_seconds"] <= route["p99_seconds"] < 8
        assert route["waiting_seconds"] + route["queueing_seconds"] < 8


def test_the_flame_graph_of_a_stripped_binary_names_the_services_functions(observed: dict[str, Any]) -> None:
    picture = Path(observed["flame_graphs"]["on_cpu"]).read_text()

    assert observed["samples"] > 0
    assert "example.com/shop/orders/internal/" in picture
    assert "gin.(*Engine).ServeHTTP" in picture


def test_the_threads_time_is_split_into_running_and_not(observed: dict[str, Any]) -> None:
    threads = observed["threads"]

    assert 0 < threads["on_cpu_seconds"] < 8 * (os.cpu_count() or 1) * 2
    assert threads["off_cpu_seconds"] > 0 <= threads["run_queue_seconds"]
    assert observed["lacking"] == []


def test_the_service_goes_on_in_the_same_process_and_nothing_is_left_in_it(
    service: Service, observed: dict[str, Any]
) -> None:
    assert observed["pid"] == serving_process(service)
    assert observed["untouched"]
    assert service.get("/readyz").status == 200


def test_a_kernel_without_uprobes_still_gives_samples_and_says_what_it_cannot(service: Service, tmp_path: Path) -> None:
    real = shutil.which("bpftrace")
    stand_in = tmp_path / "bpftrace"
    stand_in.write_text(
        f'#!/bin/sh\ncase "$*" in *uprobe:*) echo "ERROR: no uprobes here" >&2; exit 1;; esac\nexec {real} "$@"\n'
    )
    stand_in.chmod(0o755)
    limited = Service(service.folder, service.state, service.port, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    done = limited.invoke("observe", "--env=staging", "--seconds=1", f"--output={tmp_path}", "--json")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["routes"] == []
    assert document["lacking"] == ["this kernel takes no uprobes, so requests were not timed", "ERROR: no uprobes here"]
    assert document["threads"]["off_cpu_seconds"] > 0


def test_whoever_is_not_root_is_told_how_to_be(service: Service) -> None:
    done = subprocess.run(
        ["unshare", "--user", "--map-user=1000", *service.command("observe", "--env=staging", "--seconds=1")],
        cwd=service.folder,
        env=service.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2, done.stdout + done.stderr
    assert "observe needs root" in done.stderr
    assert "sudo" in done.stderr


def test_without_bpftrace_its_package_is_named(service: Service, tmp_path: Path) -> None:
    for name in ("python3", "docker", "git"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    bare = Service(service.folder, service.state, service.port, {"PATH": str(tmp_path)})

    done = bare.invoke("observe", "--env=staging", "--seconds=1")

    assert done.returncode == 3, done.stdout + done.stderr
    assert "apt-get install bpftrace" in done.stderr
