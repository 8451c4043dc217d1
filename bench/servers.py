"""The databases and the cache of the docker-compose.yml at the root, each for whoever wants one of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from maintain.rendering import ROOT
from service_tasks.engine.core.network import free_port

from .service import BenchError

PASSWORD = "dev-only-password"
"""That of each which has one."""


@contextmanager
def server(name: str, images: Mapping[str, str]) -> Iterator[int]:
    """Run one, as postgres, mysql, redis or kafka; gives its port here. BenchError where it does not start."""
    port = free_port()
    env = {**os.environ, **images, f"{name.upper()}_PORT": str(port)}
    compose = ["docker", "compose", "--project-name", f"copier-gin-{secrets.token_hex(3)}"]
    try:
        up = [*compose, "up", "--detach", "--wait", "--quiet-pull", name]
        done = subprocess.run(up, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise BenchError(done.stderr.strip())
        yield port
    finally:
        subprocess.run([*compose, "down", "--volumes"], cwd=ROOT, env=env, capture_output=True, check=False, timeout=60)
