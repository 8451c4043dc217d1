"""Tasks that deploy and that look at what is deployed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from invoke.context import Context

from .cli import ENV, JSON, Session, leave, service_task, session
from .engine import deployment
from .engine.configuration import GENERATED, Configuration
from .engine.console import print_json, table
from .engine.errors import UsageFault
from .engine.lock import deploy_lock
from .engine.paths import state_home
from .engine.settings import parse_seconds
from .engine.source import read_build_info
from .engine.status import read_status
from .engine.target import Target, fetch_json
from .engine.targets import make_target
from .env import report


@service_task(
    iterable=["set_"],
    help={
        **ENV,
        **JSON,
        "set": "NAME=VALUE, stronger than the environment's files; may be given more than once",
        "timeout": "seconds that the new release has to become healthy",
    },
)
def deploy(
    c: Context, env: str = "dev", set_: Sequence[str] | None = None, timeout: str = "", json: bool = False
) -> None:
    """Build, start beside the running release, wait until healthy, switch, and keep the former release."""
    s = session(c, env, json)
    timeouts = _timeouts(s, timeout)
    configuration = checked_configuration(s, set_ or ())
    with deploy_lock(_state(s), f"deploy --env={env}"):
        target = make_target(s.runner, s.settings, configuration)
        info = read_build_info(s.runner, s.settings.service, env)
        s.console.title(f"Deploying {s.settings.service} {info.version} to {env} ({target.name})")
        result = deployment.deploy(target, info, timeouts, s.console, s.runner.dry)
    _tell(s, target, result, json)


@service_task(help={**ENV, **JSON, "timeout": "seconds that the release has to become healthy"})
def rollback(c: Context, env: str = "dev", timeout: str = "", json: bool = False) -> None:
    """Return to the former release, with its own image and configuration, without a build."""
    s = session(c, env, json)
    with deploy_lock(_state(s), f"rollback --env={env}"):
        target = make_target(s.runner, s.settings, s.environments.configuration(s.environment))
        s.console.title(f"Rolling {s.settings.service} back in {env} ({target.name})")
        result = deployment.rollback(target, _timeouts(s, timeout), s.console, s.runner.dry)
    _tell(s, target, result, json)


@service_task(help={**ENV, **JSON})
def status(c: Context, env: str = "dev", json: bool = False) -> None:
    """Show which release serves, since when, and both slots."""
    s = session(c, env, json)
    target = make_target(s.runner, s.settings, s.environments.configuration(s.environment))
    document = read_status(target, s.settings.service, env)
    if json:
        print_json(document)
        return
    release = document["release"] or {}
    rows = [(name, str(document[name])) for name in ("service", "env", "target", "state", "url")]
    rows += [(name, str(release[name])) for name in ("version", "commit", "built_at", "deployed_at") if release]
    table(("status", ""), rows)
    print()
    headings = ("slot", "state", "health", "traffic", "in_flight", "release")
    table(headings, [[str(slot[name]) for name in headings] for slot in document["slots"]])


@service_task(help={**ENV, **JSON})
def health(c: Context, env: str = "dev", json: bool = False) -> None:
    """Ask the service through its front door whether it is alive and ready; exit code 5 where it is not."""
    s = session(c, env, json)
    port = s.environments.configuration(s.environment)["EDGE_PORT"]
    url = f"http://localhost:{port}"
    probes = {}
    for path in ("/livez", "/readyz", "/startupz"):
        code, answer = fetch_json(url + path)
        probes[path] = {"status": code, "answer": answer}
    ready = all(probe["status"] == 200 for probe in probes.values())
    document = {"service": s.settings.service, "env": env, "url": url, "healthy": ready, "probes": probes}
    if json:
        print_json(document)
    else:
        rows = [(path, str(probe["status"] or "-"), _short(probe["answer"])) for path, probe in probes.items()]
        table(("probe", "status", "answer"), rows)
    if not ready:
        leave(5, f"error: {s.settings.service} in {env} is not healthy\n  what to do: status and logs show more")


def checked_configuration(s: Session, sets: Sequence[str] = ()) -> Configuration:
    """The configuration, after the check that every deploy begins with; UsageFault with the whole report."""
    findings = s.environments.check(s.environment, sets)
    if findings:
        report(findings, sys.stderr)
        raise UsageFault(
            f"the configuration of {s.environment.name} has {len(findings)} faults; nothing was changed",
            remedy=f"mend them; env.check --env={s.environment.name} shows them again",
        )
    configuration = s.environments.configuration(s.environment, sets)
    if not _needs_password(s, configuration):
        return configuration
    path = s.environments.generate_password(s.environment.name)
    s.console.note(f"made a password for the database of {s.environment.name}: {GENERATED} in {path.name}")
    return s.environments.configuration(s.environment, sets)


def _needs_password(s: Session, configuration: Configuration) -> bool:
    """Whether the stack's own database is about to be made, and nobody has chosen its password."""
    if s.environment.target != "docker" or GENERATED not in configuration.schema.variables or s.runner.dry:
        return False
    if configuration[GENERATED]:
        return False
    from .engine.docker_engine import Engine

    return not Engine().volume_exists(f"{s.settings.service}-{s.environment.name}_database")


def _state(s: Session) -> Path:
    return state_home() / f"{s.settings.service}-{s.environment.name}"


def _timeouts(s: Session, healthy: str) -> deployment.Timeouts:
    seconds = parse_seconds("--timeout", healthy) if healthy else s.settings.healthy_timeout
    return deployment.Timeouts(healthy=seconds, drain=s.settings.drain_timeout)


def _tell(s: Session, target: Target, result: deployment.Result, json: bool) -> None:
    if json:
        print_json(result.document(target.name))
        return
    total = sum(result.seconds.values())
    if s.runner.dry:
        print(f"\nNothing was changed: this was a dry run of {s.environment.name}.")
    elif result.outcome == "unchanged":
        print(f"\nNothing to do: {result.release.version} serves already at {result.url}")
    else:
        print(f"\n{result.outcome.capitalize()} {result.release.version} in {total:.1f} s: {result.url}")


def _short(answer: object) -> str:
    if isinstance(answer, dict) and "status" in answer:
        checks = answer.get("checks") or {}
        failed = [f"{name}: {check.get('error', '')}" for name, check in checks.items() if check.get("error")]
        return "; ".join([str(answer["status"]), *failed])
    return str(answer)[:100]
