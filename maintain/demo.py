"""`./inv demo`: a service generated, deployed, proven healthy, used, and taken down again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service_tasks.engine.core.errors import Fault, UsageFault
from service_tasks.engine.core.network import free_port

from .base_images import Choice, choose
from .demo_cluster import Cluster, chosen_cluster
from .example import make_service, run_task
from .rendering import write_local_values

ENV = "staging"
TARGETS = ("docker", "process", "kubernetes")
OWNER_FILE = ".demo.json"


@dataclass(frozen=True)
class Demo:
    """One run: a service with a name, a port and a folder of its own, so that runs do not meet."""

    name: str
    folder: Path
    port: int
    cluster: Cluster | None

    @property
    def namespace(self) -> str:
        """Its namespace, where it is in a cluster."""
        return f"{self.name}-{ENV}"

    @property
    def url(self) -> str:
        """Where its front door is."""
        return f"http://localhost:{self.port}"


def run_demo(keep: bool, target: str, context: str, registry: str) -> int:
    """Run the demo; gives the exit status of what failed, or 0."""
    if target and target not in TARGETS:
        raise UsageFault(f'"{target}" is not a target', remedy=f"use --target with one of {', '.join(TARGETS)}")
    cluster = chosen_cluster(target, context, registry)
    _clear_killed_runs()
    choice = choose("docker" if cluster else target)
    print(f"Target: {f'kubernetes, {cluster.context}' if cluster else choice.target} ({choice.reason})")
    demo = _new_demo(keep, cluster)
    try:
        _generate(demo, choice)
        status = run_task(demo.folder, ["deploy", f"--env={ENV}"])
        if status == 0:
            with _reached(demo):
                _show(demo)
    finally:
        if not keep:
            _take_down(demo.folder, cluster)
    if keep:
        _tell_kept(demo)
    return status


def _new_demo(keep: bool, cluster: Cluster | None) -> Demo:
    name = f"orders-{secrets.token_hex(2)}"
    folder = _home() / name
    folder.mkdir(parents=True)
    owner = {"pid": os.getpid(), "keep": keep, "cluster": asdict(cluster) if cluster else None}
    (folder / OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")
    return Demo(name, folder, free_port(), cluster)


def _generate(demo: Demo, choice: Choice) -> None:
    answers = {"project_name": demo.name}
    # What a pod has in memory is enough to be shown, and needs no volume of the cluster.
    make_service(demo.folder, choice, answers | ({"database": "none", "kubernetes": "true"} if demo.cluster else {}))
    write_local_values(demo.folder, {**choice.images, "EDGE_PORT": str(demo.port)}, (ENV,))
    if demo.cluster:
        demo.cluster.use(demo.folder, ENV)
        demo.cluster.make_namespace(demo.namespace)
    print(f"Generated {demo.name} in {demo.folder}\n")


@contextmanager
def _reached(demo: Demo) -> Iterator[None]:
    """Have the service answer at its URL meanwhile."""
    if demo.cluster is None:
        yield
        return
    with demo.cluster.forwarded(demo.namespace, demo.name, demo.port):
        yield


def _tell_kept(demo: Demo) -> None:
    print(f"\nIt is still up. Look around:  cd {demo.folder} && ./inv status --env={ENV}")
    print(f"Take it down:                ./inv down --env={ENV} --volumes")
    if demo.cluster:
        print(
            f"                             kubectl --context={demo.cluster.context} delete namespace {demo.namespace}"
        )


def _show(demo: Demo) -> None:
    """Show the version and an order that went through the front door and back."""
    print(f"\nGET  {demo.url}/version\n     {json.dumps(_call(demo, 'GET', '/version'))}")
    order = _call(demo, "POST", "/v1/orders", {"sku": "A-1", "quantity": 1})
    print(f"POST {demo.url}/v1/orders\n     {json.dumps(order)}")
    again = _call(demo, "GET", f"/v1/orders/{order['id']}")
    if again != order:
        raise Fault("the order read back is not the order written", details=[json.dumps(again)])
    print(f"GET  {demo.url}/v1/orders/{order['id']}\n     the same\n")


def _call(demo: Demo, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{demo.url}{path}", data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise Fault(f"{method} {path} failed: {error}", where=demo.url) from error


def _clear_killed_runs() -> None:
    """Take down what runs that were killed have left."""
    for owner in sorted(_home().glob(f"*/{OWNER_FILE}")):
        try:
            run = json.loads(owner.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if not run["keep"] and not _alive(int(run["pid"])):
            print(f"Taking down {owner.parent.name}, left by a run that was killed")
            _take_down(owner.parent, Cluster(**run["cluster"]) if run["cluster"] else None)


def _take_down(folder: Path, cluster: Cluster | None) -> None:
    if (folder / "invoke.yaml").exists() and (folder / "tasks").exists():
        run_task(folder, ["down", f"--env={ENV}", "--volumes", "--yes"])
    shutil.rmtree(folder, ignore_errors=True)
    if cluster:
        cluster.remove_namespace(f"{folder.name}-{ENV}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _home() -> Path:
    folder = Path(tempfile.gettempdir()) / f"copier-gin-demo-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
