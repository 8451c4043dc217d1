"""Tasks that build: the binary and the image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from invoke.context import Context

from .cli import ENV, Session, service_task, session
from .engine.build import gobuild, image
from .engine.build.checksums import write_checksums
from .engine.build.source import read_build_info
from .engine.build.toolchain import find_go, main_package, require_go
from .engine.config.settings import Environment
from .engine.core.errors import UsageFault, nearest
from .engine.targets import default_engine

WORKERS = 2
"""Go builds in parallel by itself; two builds at a time fill the pauses of the linker."""


@service_task(
    help={
        **ENV,
        "platform": "os/arch or os/arch/level, such as windows/386, darwin/arm64, linux/amd64/v3",
        "all": "every environment, in parallel",
    }
)
def build(c: Context, env: str = "dev", platform: str = "", all: bool = False) -> None:
    """Build the binary into dist/<service>-<env>, with the environment's ldflags, and its checksum beside it."""
    s = session(c, env)
    go = require_go(s.runner)
    wanted = list(s.settings.environments.values()) if all else [s.environment]
    with ThreadPoolExecutor(WORKERS) as pool:
        for line in pool.map(lambda environment: _build(s, go, environment, platform), wanted):
            print(line)
    s.runner.act("write the checksums of dist", lambda: write_checksums(s.runner.root / gobuild.DIST))


def _build(s: Session, go: str, environment: Environment, platform: str) -> str:
    info = read_build_info(s.runner, s.settings.service, environment.name, s.settings.bakes(environment))
    package = main_package(s.runner.root, s.settings.service)
    plan = gobuild.plan_build(go, s.runner.root, environment, info, platform, package, s.settings.programs)
    gobuild.build(s.runner, plan, info)
    return "\n".join(_told(s, each.output, info.version) for each in (plan, *plan.beside, *plan.plugins))


def _told(s: Session, output: Path, version: str) -> str:
    size = output.stat().st_size / 1e6 if output.exists() else 0
    return f"{output.relative_to(s.runner.root)}  {size:.1f} MB  {version}"


@service_task(help={**ENV, "runtime": "scratch, alpine or distroless in place of RUNTIME_IMAGE"}, name="image")
def image_(c: Context, env: str = "dev", runtime: str = "") -> None:
    """Build the image; where Go is on this machine, from the host's binary."""
    s = session(c, env)
    configuration = s.environments.configuration(s.environment)
    engine, images = default_engine(configuration), configuration.stack_values()
    if runtime:
        if runtime not in image.RUNTIMES:
            raise UsageFault(f'"{runtime}" is not a runtime', remedy=nearest(runtime, image.RUNTIMES))
        images["RUNTIME_IMAGE"] = image.RUNTIMES[runtime]
    info = read_build_info(s.runner, s.settings.service, env, s.settings.bakes(s.environment))
    go = find_go()
    root, service, programs = s.runner.root, s.settings.service, s.settings.programs
    plan = gobuild.plan_image_build(go, root, service, s.environment, info, engine.platform(), programs)
    folder: Path | None = None
    if go:
        with s.console.step("build"):
            gobuild.build(s.runner, plan, info)
            folder = gobuild.package_folder(s.runner, plan)
    flags = (plan.ldflags, plan.gcflags)
    with s.console.step("image") as step:
        image_plan = image.plan_image(s.environment, info, images, flags, folder, plan.packages)
        step.detail = image.build_image(s.runner, image_plan, engine.endpoint.variables)[:19]
    print(image_plan.tag)
