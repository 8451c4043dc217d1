"""Fixtures: hosts of the tests' own, each with an engine and an sshd."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .remote_hosts import SSHD, Keys, RemoteHost

NEEDED = ("dockerd", "docker-registry", "nsenter", "ip", "ssh", "ssh-keygen")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The keys of the hosts and of who deploys to them."""
    missing = [name for name in NEEDED if not shutil.which(name)] + ([] if Path(SSHD).exists() else ["sshd"])
    if missing or os.geteuid() != 0:
        reason = f"hosts of the tests' own need root and {', '.join(missing or NEEDED)}"
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return Keys(tmp_path_factory.mktemp("keys") / "ssh")


@pytest.fixture(scope="module")
def hosts(
    keys: Keys, tmp_path_factory: pytest.TempPathFactory, base_images: dict[str, str], worker_id: str
) -> Iterator[list[RemoteHost]]:
    """Three hosts that have the front door's image, at addresses that no other worker of pytest uses."""
    made: list[RemoteHost] = []
    first = 1 + 10 * int(worker_id.removeprefix("gw").replace("master", "0"))
    try:
        for number in range(first, first + 3):
            made.append(RemoteHost(tmp_path_factory.mktemp("host"), number, keys))
            made[-1].start()
            made[-1].load(base_images.get("EDGE_IMAGE", "haproxy:3.2"))
        yield made
    finally:
        for host in made:
            host.remove()
