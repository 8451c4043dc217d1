"""The task that takes the profile by which Go optimises a service (profile-guided optimisation)."""

from __future__ import annotations

import os
from pathlib import Path

from invoke.context import Context

from .cli import ENV, Session, service_task, session
from .engine.build.toolchain import main_package
from .engine.config.settings import parse_seconds
from .engine.core.errors import UsageFault
from .engine.core.paths import ROOT
from .engine.drill import drills
from .engine.drill.load import Load, connection_count
from .engine.drill.profile import cpu_profile
from .engine.targets import make_target

NAME = "default.pgo"
"""Where Go looks for a profile by itself: in the folder of the main package (go help build, -pgo)."""


@service_task(
    help={
        **ENV,
        "seconds": "seconds of load (default: 30)",
        "connections": "keep-alive connections, half of which place orders (default: 8)",
        "yes_in_production": "profile prod, too",
    }
)
def pgo(
    c: Context, env: str = "dev", seconds: str = "30", connections: str = "8", yes_in_production: bool = False
) -> None:
    """Take a CPU profile of the release that serves, under load: the next builds are optimised by it."""
    s = session(c, env)
    if env == "prod" and not yes_in_production:
        remedy = "take another environment, or add --yes-in-production if you mean it"
        raise UsageFault("pgo drives load at prod, with orders of its own", remedy=remedy)
    duration, number = parse_seconds("--seconds", seconds), connection_count(connections)
    path = ROOT / main_package(ROOT, s.settings.service) / NAME
    s.runner.act(f"profile {env} under {duration:.0f} s of load", lambda: _take(s, path, duration, number))


def _take(s: Session, path: Path, seconds: float, connections: int) -> None:
    target = make_target(s.runner, s.settings, s.environments.configuration(s.environment))
    admin = target.admin_url()
    s.console.title(f"Profiling {s.settings.service} in {s.environment.name}")
    with target.front_door() as url:
        load = Load(url, connections, pace=0)
        with load.running(), s.console.step("profile") as step:
            drills.require_orders(load)
            profile = cpu_profile(admin, seconds)
            step.detail = f"{len(load.samples):,} requests of {connections} connections to {target.url}"
    draft = path.with_name(f"{NAME}.{os.getpid()}")
    draft.write_bytes(profile)
    draft.replace(path)
    print(f"{path.relative_to(ROOT)}  {len(profile) / 1e3:.0f} kB: commit it, and every build is optimised by it")
