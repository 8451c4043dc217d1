"""`./inv demo`: a service generated, deployed, proven healthy, used, and taken down again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service_tasks.engine.core.errors import Fault, UsageFault

from .base_images import choose
from .example import make_service, run_task
from .rendering import write_local_values

ENV = "staging"
TARGETS = ("docker", "process")
OWNER_FILE = ".demo.json"


@dataclass(frozen=True)
class Demo:
    """One run: a service with a name, a port and a folder of its own, so that runs do not meet."""

    name: str
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where its front door is."""
        return f"http://localhost:{self.port}"


def run_demo(keep: bool, target: str) -> int:
    """Run the demo; gives the exit status of what failed, or 0."""
    if target and target not in TARGETS:
        raise UsageFault(f'"{target}" is not a target', remedy="use --target=docker or --target=process")
    _clear_killed_runs()
    choice = choose(target)
    print(f"Target: {choice.target} ({choice.reason})")
    demo = _new_demo(keep)
    try:
        make_service(demo.folder, choice, {"project_name": demo.name})
        write_local_values(demo.folder, {**choice.images, "EDGE_PORT": str(demo.port)}, (ENV,))
        print(f"Generated {demo.name} in {demo.folder}\n")
        status = run_task(demo.folder, ["deploy", f"--env={ENV}"])
        if status == 0:
            _show(demo)
    finally:
        if not keep:
            _take_down(demo.folder)
    if keep:
        print(f"\nIt is still up. Look around:  cd {demo.folder} && ./inv status --env={ENV}")
        print(f"Take it down:                ./inv down --env={ENV} --volumes")
    return status


def _new_demo(keep: bool) -> Demo:
    name = f"orders-{secrets.token_hex(2)}"
    folder = _home() / name
    folder.mkdir(parents=True)
    (folder / OWNER_FILE).write_text(json.dumps({"pid": os.getpid(), "keep": keep}), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Demo(name, folder, int(probe.getsockname()[1]))


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
            _take_down(owner.parent)


def _take_down(folder: Path) -> None:
    if (folder / "invoke.yaml").exists() and (folder / "tasks").exists():
        run_task(folder, ["down", f"--env={ENV}", "--volumes", "--yes"])
    shutil.rmtree(folder, ignore_errors=True)


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
