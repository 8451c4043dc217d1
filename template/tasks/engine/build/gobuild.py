"""`go build` for an environment: planned as plain data, run, and checked afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..config.settings import Environment, parse_platform
from ..core.errors import BuildFault, MissingFault, UsageFault
from ..core.runner import Runner, Running
from . import plugins
from .source import BuildInfo
from .toolchain import cannot_write, go_environment, main_package, this_machine

DIST = "dist"
"""The folder of what is built, below the service's root."""
TAGS = "nomsgpack"
"""Leaves Gin's MessagePack binding out: 6.5 MB of the binary that a JSON service does not use."""
WITHOUT_DOCS = "nodocs"
"""Leaves the page for the API out: 0.7 MB that production does not show."""
DOCUMENTED = ("", "dev", "staging")
"""The environments that builds with that page are for, "" of them all: the service's own code knows the same."""

LEVEL_VARIABLES = {"amd64": "GOAMD64", "arm64": "GOARM64", "arm": "GOARM"}


@dataclass(frozen=True)
class GoBuild:
    """A planned build: the command, what it adds to the environment, and where the binary goes.

    `beside` are those of the other programs in cmd/ that go with the service, and `plugins` those of its plugins. The
    service's own is `verified`: it says what was built into it.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    output: Path
    ldflags: str
    gcflags: str
    native: bool
    package: str
    verified: bool = True
    beside: tuple[GoBuild, ...] = ()
    plugins: tuple[GoBuild, ...] = ()

    @property
    def packages(self) -> list[str]:
        """The packages of the programs."""
        return [self.package, *(each.package for each in self.beside)]


def plan_build(
    go: str,
    root: Path,
    environment: Environment,
    info: BuildInfo,
    platform: str,
    package: str,
    programs: Sequence[str] = (),
) -> GoBuild:
    """The command that builds `package`, and those of `programs` in cmd/.

    `platform` is empty for the environment's or this machine's own. MissingFault where a program's folder is not there.
    """
    plan = _plan(go, root, environment, info, platform, package)
    own = [replace(info, service=program) for program in programs]
    beside = [_plan(go, root, environment, each, platform, main_package(root, each.service)) for each in own]
    unverified = tuple(replace(each, verified=False) for each in beside)
    return replace(plan, beside=unverified, plugins=plan_plugins(go, root))


def _plan(go: str, root: Path, environment: Environment, info: BuildInfo, platform: str, package: str) -> GoBuild:
    wanted = platform or environment.platform
    parts = parse_platform(wanted) if wanted else None
    env = {"CGO_ENABLED": "0"}
    if parts:
        env.update({"GOOS": parts["os"], "GOARCH": parts["arch"]})
        if parts["level"] and parts["arch"] in LEVEL_VARIABLES:
            env[LEVEL_VARIABLES[parts["arch"]]] = parts["level"].removeprefix("v" if parts["arch"] == "arm" else "")
    output = root / DIST / _file_name(info, platform)
    ldflags, gcflags = linker_flags(info, environment.development), compiler_flags(environment.development)
    argv = [go, "build", "-trimpath", "-buildvcs=false", "-tags", build_tags(info), "-ldflags", ldflags]
    if gcflags:
        argv += ["-gcflags", gcflags]
    native = not parts or (parts["os"], parts["arch"]) == this_machine()
    return GoBuild((*argv, "-o", str(output), package), env, output, ldflags, gcflags, native, package)


def plan_plugins(go: str, root: Path) -> tuple[GoBuild, ...]:
    """The commands that build the plugins."""
    return tuple(_plan_plugin(go, root, name) for name in plugins.written_in_go(root))


def _plan_plugin(go: str, root: Path, name: str) -> GoBuild:
    output, package = plugins.built(root) / f"{name}{plugins.PROGRAM}", f"./{plugins.FOLDER}/{name}"
    argv = (go, "build", "-trimpath", "-buildvcs=false", *plugins.OPTIONS, "-o", str(output), package)
    env = {"CGO_ENABLED": "0", **plugins.TARGET}
    return GoBuild(argv, env, output, "", "", native=False, package=package, verified=False)


def plan_image_build(
    go: str,
    root: Path,
    service: str,
    environment: Environment,
    info: BuildInfo,
    engine: str,
    programs: Sequence[str] = (),
) -> GoBuild:
    """The build of a binary for an image; `engine` is the engine's own platform, such as linux/amd64."""
    platform = environment.platform or engine
    foreign = platform if tuple(platform.split("/")[:2]) != this_machine() else ""
    return plan_build(go or "go", root, environment, info, foreign, main_package(root, service), programs)


def build_tags(info: BuildInfo) -> str:
    """The -tags of a build, by the environment that it is for."""
    return TAGS if info.baked_env in DOCUMENTED else f"{TAGS},{WITHOUT_DOCS}"


def linker_flags(info: BuildInfo, development: bool) -> str:
    """The -ldflags of a build: the four variables of package main, stripped unless for development."""
    values = {"Env": info.baked_env, "Version": info.version, "Commit": info.commit, "BuiltAt": info.built_at}
    flags = [] if development else ["-s", "-w"]
    for name, value in values.items():
        flags += ["-X", quote(f"main.{name}={value}")]
    return " ".join(flags)


def compiler_flags(development: bool) -> str:
    """The -gcflags of a build: none, or those that a debugger wants."""
    return "all=-N -l" if development else ""


def quote(text: str) -> str:
    """`text` as one word of -ldflags, so that it cannot become two flags.

    The rule is that of Go's cmd/internal/quoted: a word may stand in single or in double quotes, nothing is escaped.
    """
    if re.fullmatch(r"[\w.,:/=+@%-]+", text):
        return text
    for mark in "'\"":
        if mark not in text and "\n" not in text:
            return f"{mark}{text}{mark}"
    raise UsageFault(f"{text!r} cannot be handed to the linker", remedy="leave out line ends and one kind of quotes")


@dataclass(frozen=True)
class BegunBuild:
    """A build that goes on beside other work, into a draft; `finish` it, and `end` it in any case."""

    runner: Runner
    plan: GoBuild
    draft: Path
    running: Running
    beside: Sequence[BegunBuild] = ()

    def finish(self, info: BuildInfo) -> None:
        """Wait for the compiler, and check that the binary reports what was injected.

        Raises BuildFault with the compiler's words, UsageFault for a platform that Go does not know, and MissingFault
        where Go cannot write.
        """
        outcome = self.running.wait()
        if "unsupported GOOS/GOARCH" in outcome.stderr:
            what = f"Go knows no such platform: {self.plan.env}"
            raise UsageFault(what, remedy="go tool dist list shows those it knows")
        if cannot_write(outcome.stderr):
            raise MissingFault("Go cannot write what it needs to", details=outcome.tail(3), remedy=_CACHES)
        if not outcome.ok:
            remedy = "mend the code; go vet ./... may say more"
            raise BuildFault("the service does not build", details=outcome.tail(), remedy=remedy)
        if self.plan.verified:
            _verify(self.runner, self.plan, self.draft, info)
        for each in self.beside:
            each.finish(info)
        self.draft.replace(self.plan.output)

    def end(self) -> None:
        """End the compiler where it still runs, and remove the draft."""
        self.running.end()
        self.draft.unlink(missing_ok=True)
        for each in self.beside:
            each.end()


def begin(runner: Runner, plan: GoBuild) -> BegunBuild:
    """Start the compiler."""
    plan.output.parent.mkdir(parents=True, exist_ok=True)
    draft = plan.output.with_name(f".{plan.output.name}.{os.getpid()}")
    if plan.output.exists():
        # Go leaves a binary alone that is up to date, and links anew where there is none.
        shutil.copy2(plan.output, draft)
    argv = [str(draft) if word == str(plan.output) else word for word in plan.argv]
    running = runner.begin(argv, {**go_environment(), **plan.env})
    return BegunBuild(runner, plan, draft, running, [begin(runner, each) for each in (*plan.beside, *plan.plugins)])


def build(runner: Runner, plan: GoBuild, info: BuildInfo, begun: BegunBuild | None = None) -> None:
    """Run the build, or finish one that was begun, and check it; the faults are those of `BegunBuild.finish`."""
    if runner.dry:
        for each in (plan, *plan.beside, *plan.plugins):
            runner.run(each.argv)
        return
    _finish(begun or begin(runner, plan), info)
    plugins.collect(runner.root, [each.output.stem for each in plan.plugins])


def build_plugins(runner: Runner, go: str, info: BuildInfo) -> None:
    """Build the plugins alone; the faults are those of `BegunBuild.finish`."""
    plans = plan_plugins(go, runner.root)
    if runner.dry:
        for each in plans:
            runner.run(each.argv)
        return
    for each in plans:
        _finish(begin(runner, each), info)
    plugins.collect(runner.root, [each.output.stem for each in plans])


def _finish(begun: BegunBuild, info: BuildInfo) -> None:
    """Finish a build, and end it in any case."""
    try:
        begun.finish(info)
    finally:
        begun.end()


def _verify(runner: Runner, plan: GoBuild, binary: Path, info: BuildInfo) -> None:
    """Ask the binary for its version; one for another machine is searched for the values instead."""
    if not plan.native:
        content = binary.read_bytes()
        absent = [value for value in info.in_binary().values() if value.encode() not in content]
        if absent:
            raise BuildFault(f"the binary does not hold {', '.join(absent)}", where=str(plan.output), remedy=_VARIABLES)
        return
    outcome = runner.read([str(binary), "version"])
    reported = _json(outcome.stdout)
    if reported != info.in_binary():
        raise BuildFault(
            "the binary does not report what was built into it",
            where=str(plan.output),
            details=[
                f"built in: {json.dumps(info.in_binary())}",
                f"reported: {outcome.stdout.strip() or outcome.stderr.strip()}",
            ],
            remedy=_VARIABLES,
        )


_CACHES = "set HOME to a folder that can be written, or GOCACHE, GOMODCACHE and TMPDIR"
_VARIABLES = "keep the variables Env, Version, Commit and BuiltAt in package main, and the version command"


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _file_name(info: BuildInfo, platform: str) -> str:
    suffix = f"-{platform.replace('/', '-')}" if platform else ""
    extension = ".exe" if platform.startswith("windows/") or (not platform and os.name == "nt") else ""
    return f"{info.service}-{info.env}{suffix}{extension}"


def package_folder(runner: Runner, plan: GoBuild) -> Path:
    """A folder that holds the binary as out/app, and what goes with it by its name, to stand in for the build stage."""
    folder = plan.output.parent / f".image-{plan.output.name}"
    if runner.dry:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    for name, each in {"app": plan, **{Path(each.package).name: each for each in plan.beside}}.items():
        shutil.copy2(each.output, folder / "out" / name)
        (folder / "out" / name).chmod(0o755)
    if plugins.built(runner.root).is_dir():
        shutil.copytree(plugins.built(runner.root), folder / "out" / plugins.FOLDER)
    return folder
