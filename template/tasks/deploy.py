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
from .engine.deployment import Deployer
from .engine.errors import UsageFault
from .engine.hooks import Hooks
from .engine.lock import deploy_lock
from .engine.paths import state_home
from .engine.plan import Plan, plan_deploy, plan_rollback
from .engine.settings import parse_seconds
from .engine.source import BuildInfo, migrations_unknown_to, read_build_info
from .engine.status import read_status
from .engine.target import Target, deployment_in, fetch_json
from .engine.targets import make_target
from .env import counted, report

SET = {"set": "NAME=VALUE, stronger than the environment's files; may be given more than once"}
TIMEOUT = {"timeout": "seconds that the release has to become healthy"}
LOCK_WAIT = {"lock_wait": "seconds to wait for another deploy to end (default: 0)"}
PLAN = {"plan": "show what would change, and change nothing"}


@service_task(
    iterable=["set_"],
    help={
        **ENV,
        **JSON,
        **SET,
        **TIMEOUT,
        **LOCK_WAIT,
        **PLAN,
        "edge": "make the front door anew first, which breaks connections for a moment",
    },
)
def deploy(
    c: Context,
    env: str = "dev",
    set_: Sequence[str] | None = None,
    timeout: str = "",
    lock_wait: str = "0",
    plan: bool = False,
    edge: bool = False,
    json: bool = False,
) -> None:
    """Build, start beside the running release, wait until healthy, switch, and keep the former release."""
    s = session(c, env, json)
    timeouts, wait = _timeouts(s, timeout), parse_wait(lock_wait)
    configuration = checked_configuration(s, set_ or (), make_password=not plan)
    info = read_build_info(s.runner, s.settings.service, env)
    if plan:
        _tell_plan(_deploy_plan(s, configuration, info), json)
        return
    with deploy_lock(_state(s), f"deploy --env={env}", wait):
        target = make_target(s.runner, s.settings, configuration)
        s.console.title(f"Deploying {s.settings.service} {info.version} to {env} ({target.name})")
        if edge:
            with s.console.step("edge"):
                target.renew_edge()
        result = _deployer(s, target, timeouts).deploy(info, configuration)
    tell(s, target, result, json)


@service_task(help={**ENV, **JSON, **TIMEOUT, **LOCK_WAIT, **PLAN, "to": "the id or version of a kept release"})
def rollback(
    c: Context,
    env: str = "dev",
    to: str = "",
    timeout: str = "",
    lock_wait: str = "0",
    plan: bool = False,
    json: bool = False,
) -> None:
    """Return to the former release, or another kept one, with its own image and configuration, without a build."""
    s = session(c, env, json)
    timeouts, wait = _timeouts(s, timeout), parse_wait(lock_wait)
    target = make_target(s.runner, s.settings, s.environments.configuration(s.environment))
    deployer = _deployer(s, target, timeouts)
    if plan:
        _tell_plan(_rollback_plan(s, deployer, to), json)
        return
    with deploy_lock(_state(s), f"rollback --env={env}", wait):
        s.console.title(f"Rolling {s.settings.service} back in {env} ({target.name})")
        result = deployer.rollback(to)
    tell(s, target, result, json)


@service_task(help={**ENV, **JSON})
def history(c: Context, env: str = "dev", json: bool = False) -> None:
    """Show all deploys and rollbacks, the newest first: when, what, by whom, with which outcome."""
    s = session(c, env, json)
    target = make_target(s.runner, s.settings, s.environments.configuration(s.environment))
    records = list(reversed(target.releases.read()))
    if json:
        print_json([record.document() for record in records])
        return
    kept = {record.release.id for record in records if not target.missing(record.release)}
    rows = [
        (
            record.at[:19].replace("T", " "),
            record.action,
            record.outcome,
            record.release.version,
            record.release.id + (" (kept)" if record.release.id in kept else ""),
            record.by,
            f"{record.total:.1f} s",
            record.reason[:60],
        )
        for record in records
    ]
    table(("when (UTC)", "action", "outcome", "version", "release", "by", "took", "why"), rows)


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
    shown = {**document, "maintenance": "on" if document["maintenance"] else "off"}
    rows = [(name, str(shown[name])) for name in ("service", "env", "target", "state", "maintenance", "url")]
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


def checked_configuration(s: Session, sets: Sequence[str] = (), make_password: bool = True) -> Configuration:
    """The configuration, after the check that every deploy begins with; UsageFault with the whole report."""
    findings = s.environments.check(s.environment, sets)
    if findings:
        report(findings, sys.stderr)
        raise UsageFault(
            f"the configuration of {s.environment.name} has {counted(findings)}; nothing was changed",
            remedy=f"mend what the table names; env.check --env={s.environment.name} shows it again",
        )
    configuration = s.environments.configuration(s.environment, sets)
    if not make_password or not _needs_password(s, configuration):
        return configuration
    path = s.environments.generate_password(s.environment.name)
    s.console.note(f"made a password for the database of {s.environment.name}: {GENERATED} in {path.name}")
    return s.environments.configuration(s.environment, sets)


def parse_wait(text: str) -> float:
    """The seconds of --lock-wait; UsageFault where it is no number."""
    return 0 if text == "0" else parse_seconds("--lock-wait", text)


def start_again(s: Session, target: Target) -> deployment.Result | None:
    """Start the release that was deployed last; None where none is kept."""
    with deploy_lock(_state(s), f"up --env={s.environment.name}"):
        return _deployer(s, target, _timeouts(s, "")).resume()


def _deployer(s: Session, target: Target, timeouts: deployment.Timeouts) -> Deployer:
    facts = {"service": s.settings.service, "env": s.environment.name, "target": target.name, "url": target.url}
    return Deployer(target, timeouts, s.console, Hooks(s.runner, facts, s.console.progress), s.runner.dry)


def _deploy_plan(s: Session, configuration: Configuration, info: BuildInfo) -> Plan:
    target = make_target(s.runner, s.settings, configuration)
    live = deployment_in(target, target.live_slot())
    migrations = migrations_unknown_to(s.runner, live.release.commit if live else "")
    return plan_deploy(target, configuration, info, live, migrations)


def _rollback_plan(s: Session, deployer: Deployer, wanted: str) -> Plan:
    target = deployer.target
    deployer.records = target.releases.read()
    release = deployer.choose(target.live_slot(), wanted)
    return plan_rollback(
        target, release, deployment_in(target, target.live_slot()), migrations_unknown_to(s.runner, release.commit)
    )


def _tell_plan(plan: Plan, json: bool) -> None:
    if json:
        print_json(plan.document())
    else:
        table(("plan", "nothing is changed"), plan.rows())


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


def tell(s: Session, target: Target, result: deployment.Result, json: bool) -> None:
    if json:
        print_json(result.document(target.name))
        return
    total = sum(result.seconds.values())
    if s.runner.dry:
        print(f"\nNothing was changed: this was a dry run of {s.environment.name}.")
    elif result.outcome == "unchanged":
        print(f"\nNothing to do: {result.version} serves already at {result.url}")
    else:
        print(f"\n{result.outcome.capitalize()} {result.version} in {total:.1f} s: {result.url}")


def _short(answer: object) -> str:
    if isinstance(answer, dict) and "status" in answer:
        checks = answer.get("checks") or {}
        failed = [f"{name}: {check.get('error', '')}" for name, check in checks.items() if check.get("error")]
        return "; ".join([str(answer["status"]), *failed])
    return str(answer)[:100]
