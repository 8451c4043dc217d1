"""The same service behind Caddy, so that the load speaks HTTP/2."""

from __future__ import annotations

import subprocess
from pathlib import Path

from maintain.tls_example import ROOT_CERTIFICATE, caddy_image, read_example
from service_tasks.engine.core.network import free_port

from .service import ENV, BenchError
from .ways import Invoke


def put_behind_tls(way: Invoke, base: Path) -> tuple[str, str]:
    """Deploy with the files of docs/deploy.md; gives the options with which the load reaches the site."""
    service, example, port = way.service, read_example(), free_port()
    example.write(service.folder, example.private)
    example.describe(service.folder)
    local = service.folder / f".env.{ENV}.local"
    values = example.values(free_port(), port, caddy_image())
    local.write_text(local.read_text() + "".join(f"{name}={value}\n" for name, value in values.items()))
    service.invoke("deploy", f"--env={ENV}", "--edge")
    authority = base / "root.crt"
    command = ["docker", "exec", f"{service.name}-{ENV}-tls-1", "cat", ROOT_CERTIFICATE]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise BenchError(f"Caddy has no authority of its own: {said.stderr}")
    authority.write_text(said.stdout, encoding="utf-8")
    return f"-url=https://localhost:{port}", f"-http2={authority}"
