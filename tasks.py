"""The maintainers' tasks. `./inv --list` explains them; a service's own tasks are in template/tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import Task

import service_tasks
from maintain.words import take_words
from service_tasks import command_line
from service_tasks.cli import JSON, leave, remainder, service_task

ROOT = Path(__file__).resolve().parent
FORWARDED = ("deploy", "rollback", "status", "logs", "down")
QUICK = ("-m", "not docker and not kubernetes and not slow and not full", "-n", "auto", "--dist", "loadfile")
GROUPS = {
    "Try it": ["demo", *FORWARDED],
    "Judge it": ["test", "lint", "bench"],
    "Maintain it": ["lock", "stand-ins", "release"],
    "Many services": ["adopt", "fleet.status", "fleet.update"],
}


CLUSTER = {
    "context": "a cluster, as kubectl config get-contexts names it",
    "registry": "where that cluster pulls from and this machine may push to",
}


@service_task(
    help={
        "keep": "leave the service up",
        "target": "docker or process, whatever is found here; or kubernetes",
        **CLUSTER,
    }
)
def demo(c: Context, keep: bool = False, target: str = "", context: str = "", registry: str = "") -> None:
    """Generate a service, deploy it, show that it is healthy, use it, take it down."""
    from maintain.demo import run_demo

    leave(run_demo(keep, target, context, registry))


@service_task(help={"quick": "only what needs no engine and is not slow: less than two minutes, for use while working"})
def test(c: Context, quick: bool = False) -> None:
    """Run all tests; words after -- go to pytest. REQUIRE_DOCKER=1 and REQUIRE_KUBERNETES=1 take no excuse."""
    command = [sys.executable, "-m", "pytest", *(QUICK if quick else ()), *remainder()]
    leave(subprocess.run(command, cwd=ROOT, check=False).returncode)


@service_task()
def lint(c: Context) -> None:
    """Check formatting, lint rules and types of all Python here (ruff, mypy)."""
    checks = (
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy", "service_tasks", "maintain", "bench", "tests", "tasks.py"),
    )
    for check in checks:
        status = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, check=False).returncode
        if status:
            leave(status)


OPTIONS = "only what the options of a service cost while it runs, for docs/options.md"


@service_task(
    help={
        "quick": "one run of each and 4 switches, printed, nothing written",
        "options": OPTIONS,
        "service": "only the service's own speed beside a bare Gin handler's",
        **CLUSTER,
    }
)
def bench(
    c: Context,
    quick: bool = False,
    options: bool = False,
    service: bool = False,
    context: str = "",
    registry: str = "",
) -> None:
    """Measure deploys beside other ways, and write docs/performance.md (needs Docker and Go; a cluster if named)."""
    from bench.run import run_bench, run_kubernetes_bench, run_options_bench, run_service_bench

    if options:
        leave(run_options_bench())
    if service:
        leave(run_service_bench(quick))
    leave(run_kubernetes_bench(quick, context, registry) if context or registry else run_bench(quick))


@service_task(help={"upgrade": "raise Go modules and Python packages to their newest versions first"})
def lock(c: Context, upgrade: bool = False) -> None:
    """Make go.mod and go.sum tidy for every combination of answers, and pin the Python packages."""
    from maintain.lock import lock as lock_modules
    from maintain.pins import pin

    report = lock_modules(ROOT, upgrade=upgrade)
    for module, reason in report.skipped.items():
        print(f"kept {module}: {reason}")
    changed = [*report.changed, *pin(ROOT, upgrade=upgrade)]
    print("changed: " + ", ".join(changed) if changed else "everything is locked already")


@service_task()
def stand_ins(c: Context) -> None:
    """Build stand-ins for the base images and print NAME=image lines fit for .env."""
    from maintain.stand_ins import StandInError, build_stand_ins
    from service_tasks.engine.core.errors import MissingFault

    try:
        images = build_stand_ins(ROOT, lambda line: print(line, file=sys.stderr, flush=True))
    except StandInError as error:
        raise MissingFault(error.message) from error
    for name, image in images.items():
        print(f"{name}={image}")


@service_task(
    iterable=["set_"],
    help={
        "folder": "the existing service, a Go module in git",
        "set": "ANSWER=VALUE, an answer to one of the template's questions; may be given more than once",
        "source": "the template's address that the service keeps (default: the path of this clone)",
    },
)
def adopt(c: Context, folder: str, set_: Sequence[str] | None = None, source: str = "") -> None:
    """Bring an existing Gin service under the template: add what it lacks, keep what it has, list what differs."""
    from maintain.adopt import Adopter
    from service_tasks.engine.core.console import Console
    from service_tasks.engine.template.update import parse_answers

    adopter = Adopter(Path(folder).resolve(), source or str(ROOT), Console(sys.stdout))
    report = adopter.adopt(parse_answers(set_ or ()))
    print("\n" + "\n".join(report.lines()))
    if report.code:
        leave(report.code, f"error: {report.error}")


@service_task(help={"version": "the version, as in 1.2.0 or 1.2.0rc1"})
def release(c: Context, version: str) -> None:
    """Check that the template can be released, run the update matrix, and tag it; --dry only looks."""
    from maintain.release import release as make_release

    make_release(ROOT, version, dry=bool(c.config.run.dry))


SERVICES = {"services": "a folder or URL of a service, or a file that lists some; words after the task are the same"}
JOBS = {"jobs": "how many at once (default: one per processor)"}


@service_task(iterable=["services"], help={**SERVICES, **JOBS, **JSON}, name="status")
def fleet_status(c: Context, services: Sequence[str], jobs: str = "", json: bool = False) -> None:
    """Show which template version services are on, as in: fleet.status orders billing."""
    from maintain.fleet import show_fleet

    leave(show_fleet(services, jobs, json))


@service_task(
    iterable=["services"],
    help={
        **SERVICES,
        **JOBS,
        **JSON,
        "branch": "the branch to make in each service (default: template-update/VERSION)",
        "report": "a folder for report.json, summary.md and a text per pull request",
    },
    name="update",
)
def fleet_update(
    c: Context, services: Sequence[str], jobs: str = "", branch: str = "", json: bool = False, report: str = ""
) -> None:
    """Bring services to the newest template, each on a branch, built and tested; --dry only says what would be."""
    from maintain.fleet import update_fleet
    from maintain.fleet_job import Order

    leave(update_fleet(services, jobs, Order(branch, bool(c.config.run.dry)), json, report))


def _forwarded(name: str) -> Task[Callable[..., Any]]:
    """A service's task under the same name and options, which acts on the example service."""
    original = service_tasks.ns[name]

    def body(c: Context, **_: Any) -> None:
        from maintain.example import ready_example, run_task

        words = sys.argv[sys.argv.index(name) :]
        leave(run_task(ready_example(), words))

    body.__wrapped__ = original.body  # type: ignore[attr-defined]
    body.__doc__ = f"Example service: {original.__doc__}"
    return Task(body, name=name, iterable=original.iterable, help=dict(original.help))


command_line.install(GROUPS)
take_words({"fleet.status": "services", "fleet.update": "services"})
ns = Collection(demo, test, lint, bench, adopt, lock, stand_ins, release, *(_forwarded(name) for name in FORWARDED))
ns.add_collection(Collection("fleet", fleet_status, fleet_update))
