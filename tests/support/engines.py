"""A second Docker engine on this machine, with a network and a disk of its own, to be stopped and filled at will.

It runs in a network namespace, so that its bridges, ports and packet filters do not meet the first engine's, and keeps
everything in a file system of its own.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .service import ROOT, Answer, Service, docker, parse_answer
from .waiting import until

PREFIX = "copier-gin-"
"""How the names of an engine's network and disk begin; the number of the process that made them follows."""

SIZE = 3 * 1024**3
"""Bytes of its disk, in memory: the base images, some releases, and what a deploy wants to be free."""


class SecondEngine:
    """The engine; `start` and `stop` it as often as wanted, what it holds stays until `remove`."""

    def __init__(self, folder: Path, **features: bool) -> None:
        self.folder = folder
        self._configuration = folder / "daemon.json"
        self._features = features
        remove_orphans()
        self.namespace = f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"
        self.disk = folder / "disk"
        self.socket = folder / "docker.sock"
        self._daemon: subprocess.Popen[bytes] | None = None
        self.disk.mkdir(parents=True)
        names = {name.replace("_", "-"): value for name, value in features.items()}
        self._configuration.write_text(json.dumps({"features": names}))
        run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", self.namespace, str(self.disk))
        run("ip", "netns", "add", self.namespace)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")

    @property
    def host(self) -> str:
        """What DOCKER_HOST has to be."""
        return f"unix://{self.socket}"

    def inside(self, *command: str) -> list[str]:
        """A command as it is run in the engine's network."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        options = [f"--host={self.host}", f"--data-root={self.disk}/data", f"--exec-root={self.folder}/exec"]
        options += [f"--pidfile={self.folder}/pid", f"--config-file={self._configuration}"]
        # The containerd image store has snapshotters of its own.
        options += [] if self._features.get("containerd_snapshotter") else ["--storage-driver=overlay2"]
        daemon = " ".join(["exec dockerd", *options])
        command = self.inside("unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs /run && {daemon}")
        with (self.folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until(lambda: self._answers() or self._ended(), self._log_end)
        assert self._answers(), self._log_end()

    def _answers(self) -> bool:
        return docker("--host", self.host, "version").returncode == 0

    def _ended(self) -> bool:
        return self._daemon is None or self._daemon.poll() is not None

    def _log_end(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def stop(self) -> None:
        """Stop the engine, and with it its containers."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(timeout=60)
            self._daemon = None

    def load(self, *images: str) -> None:
        """Copy images from the first engine."""
        saved = subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE)
        subprocess.run(["docker", "--host", self.host, "load", "--quiet"], stdin=saved.stdout, check=True)
        assert saved.wait() == 0

    @contextmanager
    def filled(self, left: int) -> Iterator[None]:
        """Leave `left` bytes of the disk."""
        while not self._resized(shutil.disk_usage(self.disk).used + left):
            pass  # Somebody wrote in between.
        try:
            yield
        finally:
            assert self._resized(SIZE)

    def _resized(self, size: int) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self.disk)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def remove(self) -> None:
        """Stop the engine and give back everything."""
        self.stop()
        remove(self.namespace)


def remove_orphans() -> None:
    """Give back what killed tests left: their hosts would answer, or rather not, at the addresses of new ones."""
    for entry in Path("/run/netns").glob(f"{PREFIX}*"):
        if not Path("/proc", entry.name.removeprefix(PREFIX).partition("-")[0]).exists():
            with suppress(subprocess.CalledProcessError):  # Tests beside these were faster.
                remove(entry.name)


def remove(name: str) -> None:
    """Give back a network, with what runs in it, and the disk of the same name."""
    running = subprocess.run(["ip", "netns", "pids", name], check=True, capture_output=True, text=True).stdout
    for process in running.split():
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    run("ip", "netns", "delete", name)
    for line in Path("/proc/mounts").read_text().splitlines():
        source, folder, *_ = line.split(" ")
        if source == name:
            run("umount", "--lazy", folder)


class ServiceThere(Service):
    """A service that is deployed to a second engine, from within its network."""

    engine: SecondEngine

    def command(self, *words: str) -> list[str]:
        return self.engine.inside(*super().command(*words))

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "DOCKER_HOST": self.engine.host}

    def take_down(self) -> None:
        """It goes with its engine."""

    def get(self, path: str) -> Answer:
        ask = f"a = request('GET', 'http://127.0.0.1:{self.port}{path}')"
        code = f"import json; from tests.support.service import request; {ask}; print(json.dumps([a.status, a.body]))"
        done = subprocess.run(
            self.engine.inside(sys.executable, "-c", code),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return parse_answer(done.stdout)


def run(*command: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
