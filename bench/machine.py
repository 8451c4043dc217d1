"""The machine on which it was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path


def describe(images: Mapping[str, str]) -> dict[str, str]:
    """What a reader needs to judge the figures: no names, no paths."""
    stand_ins = sorted(name for name, image in images.items() if "stand-in" in image)
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "of its time, others on the same host had": f"{stolen_share():.0%}",
        "memory": f"{_memory() / 2**20:.0f} GB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "Docker": _said("docker", "version", "--format", "{{.Server.Version}}"),
        "Compose": _said("docker", "compose", "version", "--short"),
        "buildx": _said("docker", "buildx", "version").split()[1],
        "Go": _said("go", "env", "GOVERSION").removeprefix("go"),
        "Python": platform.python_version(),
        "base images": f"stand-ins from Debian packages for {', '.join(stand_ins)}" if stand_ins else "official",
        "template": _said("git", "rev-parse", "--short", "HEAD"),
    }


def stolen_share() -> float:
    """The part of its cores' time, since its start, that a virtual machine wanted and did not get: steal of proc(5)."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(
        float, path.read_text().split("\n")[0].split()[1:]
    )
    return steal / (user + nice + system + irq + softirq + steal)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return found[1].strip() if found else platform.machine()


def _memory() -> int:
    """Kilobytes of memory."""
    path = Path("/proc/meminfo")
    found = re.search(r"^MemTotal:\s*(\d+)", path.read_text()) if path.exists() else None
    return int(found[1]) if found else 0


def _said(*command: str) -> str:
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown ?"
