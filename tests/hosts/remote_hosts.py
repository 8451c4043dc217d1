"""Hosts of the tests' own: an engine and an sshd each, in a network of its own, with a cable to this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..support.engines import SecondEngine, run
from ..support.service import Answer, Service, request

NETWORK = "10.213"
NETWORK6 = "fd0a:213"
SSHD = "/usr/sbin/sshd"


class RemoteHost(SecondEngine):
    """A machine that is reached by ssh at `address`; `number` sets it apart from others."""

    def __init__(self, folder: Path, number: int, keys: Keys) -> None:
        super().__init__(folder)
        self.address = f"{NETWORK}.{number}.2"
        self.cable = f"cg{self.namespace[-6:]}"
        self._keys = keys
        self._sshd: subprocess.Popen[bytes] | None = None
        there = f"{self.cable}n"
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", there, "netns", self.namespace)
        run("ip", "address", "add", f"{NETWORK}.{number}.1/30", "dev", self.cable)
        run("ip", "-n", self.namespace, "address", "add", f"{self.address}/30", "dev", there)
        self.address6 = f"{NETWORK6}:{number}::2"
        run("ip", "address", "add", f"{NETWORK6}:{number}::1/64", "dev", self.cable, "nodad")
        run("ip", "-n", self.namespace, "address", "add", f"{self.address6}/64", "dev", there, "nodad")
        run("ip", "-n", self.namespace, "link", "set", there, "up")
        run("ip", "link", "set", self.cable, "up")

    @property
    def url(self) -> str:
        """The host as invoke.yaml names it."""
        return f"ssh://root@{self.address}{self.socket}"

    @property
    def url6(self) -> str:
        """The same by its IPv6 address."""
        return f"ssh://root@[{self.address6}]{self.socket}"

    def start(self) -> None:
        """Start engine and sshd."""
        super().start()
        self.start_sshd()

    def start_sshd(self) -> None:
        """Let ssh in."""
        options = [f"ListenAddress={self.address}", f"ListenAddress={self.address6}", "StrictModes=no"]
        options += [f"AuthorizedKeysFile={self._keys.public}", f"HostKey={self._keys.host}", "PermitRootLogin=yes"]
        options += ["UsePAM=no", "PidFile=none"]
        words = [word for option in options for word in ("-o", option)]
        Path("/run/sshd").mkdir(exist_ok=True)
        with (self.folder / "sshd.log").open("ab") as log:
            command = self.inside(SSHD, "-D", "-e", "-f", "/dev/null", *words)
            self._sshd = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop_sshd(self) -> None:
        """Let nobody in any more."""
        if self._sshd is not None:
            self._sshd.terminate()
            self._sshd.wait(timeout=10)
            self._sshd = None

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Cut the host off the network."""
        run("ip", "link", "set", self.cable, "down")
        try:
            yield
        finally:
            run("ip", "link", "set", self.cable, "up")

    def remove(self) -> None:
        """Stop everything and give it back."""
        self.stop_sshd()
        super().remove()


class Keys:
    """The keys of tests' hosts and of who deploys to them, and an `ssh` that uses them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.host, self.own = folder / "host", folder / "own"
        self.public = folder / "own.pub"
        for path in (self.host, self.own):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
        key = (folder / "host.pub").read_text().split()[:2]
        (folder / "known_hosts").write_text(f"{NETWORK}.*,{NETWORK6}:* {' '.join(key)}\n")
        settings = [f"IdentityFile {self.own}", f"UserKnownHostsFile {folder / 'known_hosts'}", "IdentitiesOnly yes"]
        (folder / "config").write_text("\n".join(settings) + "\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        ssh = self.bin / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder / "config"} "$@"\n')
        ssh.chmod(0o755)


@dataclass
class ServiceOnHosts(Service):
    """A service whose staging is on hosts."""

    hosts: list[RemoteHost] = field(default_factory=list)
    keys: Keys | None = None

    def environment(self) -> dict[str, str]:
        own = self.keys.bin if self.keys else ""
        return {**super().environment(), "PATH": f"{own}:{os.environ['PATH']}"}

    def take_down(self) -> None:
        """It goes with its hosts."""

    def use(self, hosts: list[RemoteHost], keys: Keys, **settings: object) -> None:
        """Name the hosts in invoke.yaml, with more settings of the environment."""
        self.hosts, self.keys = hosts, keys
        lines = ["target: docker", f"hosts: [{', '.join(host.url for host in hosts)}]"]
        lines += [f"{name}: {value}" for name, value in settings.items()]
        path = self.folder / "invoke.yaml"
        before, _, after = path.read_text().partition("  staging:\n")
        rest = after[after.index("  prod:") :]
        path.write_text(before + "  staging:\n" + "".join(f"    {line}\n" for line in lines) + rest)

    def get(self, path: str) -> Answer:
        """GET through the front door of the first host."""
        return self.get_from(self.hosts[0], path)

    def get_from(self, host: RemoteHost, path: str) -> Answer:
        """GET through the front door of a host."""
        return request("GET", f"http://{host.address}:{self.port}{path}")

    def versions(self) -> list[str]:
        """What each host serves."""
        return [str(self.get_from(host, "/version").body.get("version")) for host in self.hosts]


class Registry:
    """A registry that hosts and this machine reach at the same address: a process each, and one storage."""

    def __init__(self, folder: Path, port: int, hosts: list[RemoteHost]) -> None:
        self.address = f"127.0.0.1:{port}"
        storage = {"filesystem": {"rootdirectory": str(folder / "storage")}}
        config = folder / "config.json"
        config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": self.address}}))
        command = ["docker-registry", "serve", str(config)]
        with (folder / "log").open("ab") as log:
            places = [command, *(host.inside(*command) for host in hosts)]
            self._processes = [subprocess.Popen(place, stdout=log, stderr=log) for place in places]

    def repositories(self) -> list[str]:
        """The repositories that something was pushed to."""
        return list(request("GET", f"http://{self.address}/v2/_catalog").body["repositories"])

    def stop(self) -> None:
        """Stop it."""
        for process in self._processes:
            process.terminate()
            process.wait(timeout=10)
