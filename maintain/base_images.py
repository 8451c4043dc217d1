"""Where the base images of the demo, the example and the tests come from on this machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .rendering import ROOT
from .stand_ins import stand_ins_present

OFFICIAL = {
    "GO_IMAGE": "golang:1.26",
    "EDGE_IMAGE": "haproxy:3.2",
    "POSTGRES_IMAGE": "postgres:17",
    "MYSQL_IMAGE": "mysql:8.4",
    "REDIS_IMAGE": "redis:8",
    "KAFKA_IMAGE": "apache/kafka:4.0.0",
}


@dataclass(frozen=True)
class Choice:
    """A target and why: `images` are the settings that differ from the template's defaults."""

    target: str
    reason: str
    images: dict[str, str]


def settings_in_env(root: Path = ROOT) -> dict[str, str]:
    """The images that `.env` at the root names."""
    from dotenv import dotenv_values

    values = dotenv_values(root / ".env", interpolate=False) if (root / ".env").exists() else {}
    return {name: value for name, value in values.items() if name in OFFICIAL and value}


def engine_answers() -> bool:
    """Whether a Docker engine answers."""
    return _docker("version", "--format", "{{.Server.Version}}")


def choose(forced: str = "") -> Choice:
    """Docker where an engine answers and its base images can be had, else processes; `forced` decides instead."""
    if forced == "process":
        return Choice("process", "asked for by --target", {})
    if not engine_answers():
        return Choice(forced or "process", "no Docker engine answers here", {})
    images, missing = _available_images()
    if missing and not forced:
        return Choice(
            "process", f"an engine answers, but {missing} is not there and cannot be pulled (./inv stand-ins)", {}
        )
    return Choice("docker", "asked for by --target" if forced else "a Docker engine answers", images)


def _available_images() -> tuple[dict[str, str], str]:
    """The settings to use, and the first image that is nowhere to be had."""
    named = settings_in_env()
    stand_ins = stand_ins_present()
    for name, official in OFFICIAL.items():
        if name in named or _docker("image", "inspect", official):
            continue
        if name in stand_ins:
            named[name] = stand_ins[name]
        elif not _docker("pull", "--quiet", official):
            return named, official
    return named, ""


def _docker(*arguments: str) -> bool:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, check=False, timeout=600)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
