"""`invoke.yaml` as typed settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import UsageFault, nearest
from ..core.network import masked_url

TARGETS = ("docker", "process")
DATABASES = ("postgres", "sqlite", "none")
REGISTRY = r"([a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)*)?"
PLATFORM = re.compile(r"(?P<os>[a-z0-9]+)/(?P<arch>[a-z0-9]+)(/(?P<level>v[0-9.]+))?")


SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class Host:
    """A machine as ssh names it: `destination` with the user, its port where it is not ssh's own, its engine's socket.

    `name` is what people call it, without the user.
    """

    destination: str
    name: str
    port: int | None = None
    socket: str = SOCKET


@dataclass(frozen=True)
class Environment:
    """One environment: `platform` is empty for the machine's own, `hosts` for the engine that docker itself uses.

    With several hosts the first is deployed to alone and watched for `soak_seconds`, then `parallel` others at a time.
    With a `registry` such as registry.example.com/team the image goes through it, else straight to the hosts.
    """

    name: str
    target: str = "docker"
    platform: str = ""
    development: bool = False
    hosts: tuple[str, ...] = ()
    parallel: int = 1
    soak_seconds: float = 10
    registry: str = ""


@dataclass(frozen=True)
class Settings:
    """All of `invoke.yaml`; timeouts are in seconds, `webhook_file` holds the URL that hears of deploys."""

    service: str
    database: str
    environments: Mapping[str, Environment]
    healthy_timeout: float = 60
    drain_timeout: float = 30
    rto_seconds: float = 28
    webhook_file: str = ""

    def environment(self, name: str) -> Environment:
        """The environment called `name`; UsageFault with the nearest names where there is none."""
        if name not in self.environments:
            raise UsageFault(
                f'there is no environment "{name}"',
                where="invoke.yaml, environments",
                remedy=nearest(name, self.environments),
            )
        return self.environments[name]


def read_settings(data: Mapping[str, Any]) -> Settings:
    """Settings from the mapping that Invoke made of `invoke.yaml`.

    Raises UsageFault that names the key, the value and what is expected.
    """
    for key in ("service", "environments"):
        if not data.get(key):
            raise UsageFault(f"{key} is missing", where="invoke.yaml", remedy="restore it from the repository")
    environments = data["environments"]
    if not isinstance(environments, Mapping):
        raise _fault("environments", environments, "a mapping of names to settings")
    return Settings(
        service=_matching("service", data["service"], r"[a-z]([a-z0-9-]*[a-z0-9])?", "a DNS label"),
        database=_one_of("database", data.get("database", "none"), DATABASES),
        environments={str(name): _environment(str(name), value) for name, value in environments.items()},
        healthy_timeout=_seconds("healthy_timeout", data.get("healthy_timeout", 60)),
        drain_timeout=_seconds("drain_timeout", data.get("drain_timeout", 30)),
        rto_seconds=_seconds("rto_seconds", data.get("rto_seconds", 28)),
        webhook_file=_matching("webhook_file", data.get("webhook_file") or "", r"[^\0]*", "a path"),
    )


def parse_platform(text: str) -> re.Match[str]:
    """The parts `os`, `arch` and `level` of a platform such as linux/amd64/v3; UsageFault if it is none."""
    match = PLATFORM.fullmatch(text)
    if match is None:
        raise UsageFault(f'"{text}" is not a platform', remedy="use os/arch or os/arch/level, as in linux/arm64")
    return match


def parse_host(text: str) -> Host:
    """The host in ssh://[user@]host[:port][/path/of/docker.sock]; UsageFault where it is none."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]*", host) and re.fullmatch(
        r"[A-Za-z0-9._-]*", parts.username or ""
    )
    if not plain or parts.scheme != "ssh" or parts.password or parts.query or parts.fragment:
        raise UsageFault(
            f'"{masked_url(text)}" is not a host', where="invoke.yaml", remedy="as in ssh://deploy@host.example.com"
        )
    destination = f"{parts.username}@{host}" if parts.username else host
    name = f"{host}:{port}" if port else host
    return Host(destination, name, port, parts.path.rstrip("/") or SOCKET)


def parse_seconds(name: str, text: str) -> float:
    """A number of seconds given on the command line; UsageFault that names the option where it is none."""
    return _seconds(name, text)


def _environment(name: str, value: Any) -> Environment:
    place = f"environments.{name}"
    _matching(place, name, r"[a-z]([a-z0-9-]*[a-z0-9])?", "a lower-case name of letters, digits and hyphens")
    if not isinstance(value, Mapping):
        raise _fault(place, value, "a mapping such as {target: docker}")
    known = [field.name for field in fields(Environment) if field.name != "name"]
    for key in value:
        if key not in known:
            raise UsageFault(f"{place}.{key} is not a setting", where="invoke.yaml", remedy=nearest(str(key), known))
    development = value.get("development", False)
    if not isinstance(development, bool):
        raise _fault(f"{place}.development", development, "true or false")
    platform = str(value.get("platform") or "")
    if platform:
        parse_platform(platform)
    return Environment(
        name=name,
        target=_one_of(f"{place}.target", value.get("target", "docker"), TARGETS),
        platform=platform,
        development=development,
        hosts=_hosts(f"{place}.hosts", value.get("hosts") or []),
        parallel=_count(f"{place}.parallel", value.get("parallel", 1)),
        soak_seconds=_seconds(f"{place}.soak_seconds", value.get("soak_seconds", 10)),
        registry=_matching(
            f"{place}.registry", value.get("registry", ""), REGISTRY, "a registry with a path and no scheme"
        ),
    )


def _hosts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(host, str) for host in value):
        raise _fault(key, value, "a list such as [ssh://deploy@one.example.com, ssh://deploy@two.example.com]")
    for host in value:
        parse_host(host)
    if len(set(value)) < len(value):
        raise _fault(key, value, "a list of different hosts")
    return tuple(value)


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _fault(key, value, "a whole number from 1 on")
    return value


def _matching(key: str, value: Any, pattern: str, expected: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _fault(key, value, expected)
    return value


def _one_of(key: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _fault(key, value, "one of " + ", ".join(known))
    return str(value)


def _seconds(key: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise _fault(key, value, "a number of seconds") from None
    if isinstance(value, bool):
        raise _fault(key, value, "a number of seconds")
    if not 0 < seconds <= 86_400:
        raise _fault(key, value, "between 0 and 86400 seconds")
    return seconds


def _fault(key: str, value: Any, expected: str) -> UsageFault:
    where = "the command line" if key.startswith("--") else "invoke.yaml"
    return UsageFault(f"{key}: {masked_url(repr(value))} is not {expected}", where=where)
