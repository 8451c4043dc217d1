"""Tasks that judge: the tests, the linters, and the machine."""

from __future__ import annotations

import os
import shutil

from invoke.context import Context

from .cli import ENV, Session, leave, remainder, service_task, session
from .deploy import checked_configuration, with_secrets
from .engine import doctor as examination
from .engine.build.gobuild import TAGS
from .engine.build.gotest import PROFILE, plan_coverage, plan_tests
from .engine.build.toolchain import GOVULNCHECK, STATICCHECK, gofmt, require_go
from .engine.core.console import table
from .engine.core.errors import BuildFault, Fault, MissingFault
from .engine.targets import make_target

FOUND = "exit status 3"
"""What go run says of a govulncheck that has found something."""


@service_task(
    help={
        "integration": "with the servers of the dev stack, which are brought up: no test is skipped for want of one",
        "race": "fail where the race detector cannot be had, in place of going on without it",
        "cover": f"tell how much of the code the tests run, and write {PROFILE.as_posix()}",
    }
)
def test(c: Context, integration: bool = False, race: bool = False, cover: bool = False) -> None:
    """Run the service's tests, with the race detector where it can be had; words after -- go to go test."""
    s = session(c, "dev")
    go = require_go(s.runner)
    compiler = any(shutil.which(name) for name in ("gcc", "clang", "cc"))
    if race and not compiler:
        raise MissingFault("the race detector needs a C compiler", remedy="install gcc or clang, or leave --race away")
    if not compiler:
        s.console.note("no C compiler here: running without the race detector")
    env = {**os.environ, "CGO_ENABLED": "1" if compiler else "0", **(_servers(s) if integration else {})}
    if cover and not s.runner.dry:
        (s.runner.root / PROFILE).parent.mkdir(exist_ok=True)
    status = s.runner.stream(plan_tests(go, compiler, cover, integration, remainder()), env=env)
    if cover and status == 0:
        status = s.runner.stream(plan_coverage(go), env=env)
    leave(status)


def _servers(s: Session) -> dict[str, str]:
    """Bring up what the service uses in dev, and give the variables by which tests find it."""
    if not s.settings.backing:
        return {}
    configuration = checked_configuration(s)
    target = make_target(s.runner, s.settings, configuration)
    values = with_secrets(s, [target], configuration).values()
    with s.console.step(" and ".join(each.name for each in s.settings.backing)):
        return target.servers_for_tests(values)


@service_task()
def lint(c: Context) -> None:
    """Check formatting (gofmt), go vet and staticcheck; and by golangci-lint, where it is on the PATH."""
    s = session(c)
    go = require_go(s.runner)
    root = s.runner.root
    sources = ("cmd", "internal", "api", "configs", "migrations", "plugins", "edge")
    folders = [name for name in sources if (root / name).is_dir()]
    with s.console.step("gofmt"):
        unformatted = s.runner.read([gofmt(s.runner), "-l", *folders])
        if unformatted.stdout.strip() or not unformatted.ok:
            raise BuildFault(
                "some files are not formatted", details=unformatted.tail() or [], remedy=f"gofmt -w {' '.join(folders)}"
            )
    commands = {
        "vet": [go, "vet", "-tags", TAGS, "./..."],
        "static": [go, "run", STATICCHECK, "-tags", TAGS, "./..."],
        **({"golangci": ["golangci-lint", "run"]} if shutil.which("golangci-lint") else {}),
    }
    for name, argv in commands.items():
        with s.console.step(name):
            done = s.runner.run(argv, env=os.environ)
            if not done.ok:
                raise Fault(f"{name} has complaints", details=(done.stdout + done.stderr).splitlines()[-40:])
    print("No complaints.")


@service_task(help={"db": "the address of a copy of the database, as in file:///srv/vulndb"})
def vuln(c: Context, db: str = "") -> None:
    """Look for known vulnerabilities in what the service calls (govulncheck)."""
    s = session(c)
    with s.console.step("govulncheck"):
        options = ["-tags", TAGS, *(["-db", db] if db else [])]
        done = s.runner.run([require_go(s.runner), "run", GOVULNCHECK, *options, "./..."], env=os.environ)
    if done.ok:
        print("No known vulnerabilities in what the service calls.")
        return
    told = (done.stdout + done.stderr).splitlines()
    if FOUND in done.stderr:
        raise Fault("the service calls code with known vulnerabilities", details=told[-60:])
    remedy = "--db names a copy of https://vuln.go.dev, as in --db=file:///srv/vulndb"
    raise MissingFault("vulnerabilities cannot be looked up", details=told[-5:], remedy=remedy)


@service_task(help=ENV)
def doctor(c: Context, env: str = "dev") -> None:
    """Examine this machine: Docker, Compose, Go, ports, disk, clock; exit code 3 where something is missing."""
    s = session(c, env)
    results = examination.examine(s.runner, s.settings, s.environments, s.environment)
    mark = {True: s.console.paint("ok", "32"), False: s.console.paint("missing", "31"), None: "note"}
    table(("", "what", "found", "what to do"), [(mark[r.fine], r.what, r.found, r.remedy) for r in results])
    if any(result.fine is False for result in results):
        leave(3)
