"""Tasks that deploy, and that return to what was deployed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec

from invoke.context import Context

from .cli import ENV, JSON, Session, service_task, session
from .engine.build.source import BuildInfo, migrations_unknown_to, read_build_info
from .engine.config.checks import check
from .engine.config.configuration import DEV_KEY, GENERATED, Configuration
from .engine.config.secret_file import FOLDER
from .engine.config.settings import parse_seconds
from .engine.core.console import print_json, table
from .engine.core.errors import UsageFault
from .engine.deploy.attempt import Timeouts
from .engine.deploy.deployment import Deployer, Result
from .engine.deploy.events import open_events
from .engine.deploy.hooks import Hooks
from .engine.deploy.lock import Lease, Unlocked
from .engine.deploy.plan import Plan, plan_deploy, plan_rollback
from .engine.deploy.switching import Switcher
from .engine.deploy.target import Target, deployment_in
from .engine.targets import described, locked, made_without_kubernetes, make_targets
from .env import counted, report
from .locking import LOCK_WAIT, parse_wait

SET = {"set": "NAME=VALUE, stronger than the environment's files; may be given more than once"}
TIMEOUT = {"timeout": "seconds that the release has to become healthy"}
EVENTS = {"events": "a file for JSON lines: every step and the outcome"}
PLAN = {"plan": "show what would change, and change nothing"}
GITOPS = {"gitops": "commit the image's digest to the repository that the cluster follows, in place of an own switch"}


@service_task(
    iterable=["set_"],
    help={
        **ENV,
        **JSON,
        **SET,
        **TIMEOUT,
        **LOCK_WAIT,
        **PLAN,
        **EVENTS,
        **GITOPS,
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
    events: str = "",
    edge: bool = False,
    gitops: bool = False,
    json: bool = False,
) -> None:
    """Build, start beside the running release, wait until healthy, switch, and keep the former release."""
    s = session(c, env, json)
    timeouts, wait = _timeouts(s, timeout), parse_wait(lock_wait)
    configuration = checked_configuration(s, set_ or ())
    info = read_build_info(s.runner, s.settings.service, env, s.settings.bakes(s.environment))
    if _by_commit(s, gitops):
        from .gitops import deploy as deploy_by_commit

        deploy_by_commit(s, configuration, info, timeouts.healthy, json)
        return
    if plan:
        _tell_plans(_deploy_plans(s, configuration, info, edge), json)
        return
    targets = make_targets(s.runner, s.settings, configuration)
    configuration = with_secrets(s, targets, configuration, set_ or ())
    _let_hear(s, targets[0], events)
    if source := s.settings.takes_from(s.environment):
        info = targets[0].take(info, source)
    hooks = _hooks(s, targets[0])
    # A hook may change what is built.
    ahead = nullcontext() if hooks.has("pre-build") else targets[0].build_ahead(info)
    with ahead, locked(targets, f"deploy --env={env}", wait, s.console.note) as leases:
        s.console.title(f"Deploying {s.settings.service} {info.version} to {env} ({described(targets)})")
        for target in targets:
            _look_after_edge(s, target, edge)
            for name in target.left_behind():
                s.console.note(f"the service {name} is in no compose file any more: its container is removed")
        result = _deployer(s, targets, leases, timeouts).deploy(info, configuration, s.settings.processes)
        if s.settings.publishes(s.environment) and info.of_commit:
            with s.console.step("publish") as step:
                step.detail = targets[0].publish(info)
    tell(s, targets[0], result, json)


@service_task(
    help={
        **ENV,
        **JSON,
        **TIMEOUT,
        **LOCK_WAIT,
        **PLAN,
        **EVENTS,
        **GITOPS,
        "to": "the id or version of a kept release; with --gitops, a commit",
    }
)
def rollback(
    c: Context,
    env: str = "dev",
    to: str = "",
    timeout: str = "",
    lock_wait: str = "0",
    plan: bool = False,
    events: str = "",
    gitops: bool = False,
    json: bool = False,
) -> None:
    """Return to the former release, or another kept one, with its own image and configuration, without a build."""
    s = session(c, env, json)
    timeouts, wait = _timeouts(s, timeout), parse_wait(lock_wait)
    if _by_commit(s, gitops):
        from .gitops import rollback as roll_back_by_commit

        roll_back_by_commit(s, s.environments.configuration(s.environment), to, timeouts.healthy, json)
        return
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment))
    if plan:
        _tell_plans(_rollback_plans(s, targets, to), json)
        return
    _let_hear(s, targets[0], events)
    with locked(targets, f"rollback --env={env}", wait, s.console.note) as leases:
        s.console.title(f"Rolling {s.settings.service} back in {env} ({described(targets)})")
        result = _deployer(s, targets, leases, timeouts).rollback(to)
    tell(s, targets[0], result, json)


def checked_configuration(s: Session, sets: Sequence[str] = ()) -> Configuration:
    """The configuration, after the check that every deploy begins with; UsageFault with the whole report."""
    findings = check(s.environments, s.environment, sets).findings
    if findings:
        report(findings, sys.stderr)
        raise UsageFault(
            f"the configuration of {s.environment.name} has {counted(findings)}; nothing was changed",
            remedy=f"mend what the table names; env.check --env={s.environment.name} shows it again",
        )
    return s.environments.configuration(s.environment, sets)


def with_secrets(
    s: Session, targets: Sequence[Target], configuration: Configuration, sets: Sequence[str] = ()
) -> Configuration:
    """The configuration, with secrets where nobody has chosen one: of a database yet to be made, and for tokens."""
    wanted: dict[str, str] = {}
    unset = GENERATED in configuration.schema.variables and not configuration.has(GENERATED)
    if unset and targets[0].needs_password():
        wanted[GENERATED] = "the password of this environment's own database"
    if configuration.lacks_dev_key():
        wanted[DEV_KEY] = "the key that signs tokens, until there is an issuer"
    if s.runner.dry or not wanted:
        return configuration
    if s.environments.sources(s.environment):
        name = next(iter(wanted))
        what = f"{name} is missing: {wanted[name]}"
        remedy = f"secrets.set {name} --random --env={s.environment.name} makes one; commit {FOLDER}/ then"
        raise UsageFault(what, where=s.environments.sources(s.environment)[-1].origin, remedy=remedy)
    for name, purpose in wanted.items():
        path = s.environments.generate_secret(s.environment.name, name, purpose)
        s.console.note(f"made {purpose}: {name} in {path.name}")
    configuration = s.environments.configuration(s.environment, sets)
    for target in targets:
        target.configure(configuration)
    return configuration


def start_again(s: Session, targets: Sequence[Target]) -> Result | None:
    """Start the release that was deployed last; None where none is kept."""
    with locked(targets, f"up --env={s.environment.name}", 0, s.console.note) as leases:
        return _deployer(s, targets, leases, _timeouts(s, "")).resume()


def start_what_stands_still(s: Session, targets: Sequence[Target]) -> None:
    """Start what a release that serves needs or has beside it, where it does not run."""
    with locked(targets, f"up --env={s.environment.name}", 0, s.console.note) as leases:
        for switcher in _deployer(s, targets, leases, _timeouts(s, "")).switchers:
            with s.console.step("start"):
                switcher.target.bring_up()
            switcher.look()
            if switcher.former:
                switcher.tidy()
            else:  # It has ended since it was looked at, as one that crashes again and again does.
                switcher.resume()


def _by_commit(s: Session, wanted: bool) -> bool:
    """Whether to commit; UsageFault where that is not how this environment is deployed, or is the only way."""
    if s.environment.gitops and not wanted:
        remedy = "add --gitops: what is applied by hand would be undone by the next sync"
        raise UsageFault(f"{s.environment.name} is deployed by commits", where="invoke.yaml, gitops", remedy=remedy)
    if wanted and not s.environment.gitops:
        remedy = "name the repository that the cluster follows, as in gitops: {repository: URL, branch: main}"
        raise UsageFault(f"{s.environment.name} has no gitops", where="invoke.yaml", remedy=remedy)
    if wanted and not find_spec(f"{__package__}.gitops"):
        raise made_without_kubernetes()
    return wanted


def _look_after_edge(s: Session, target: Target, renew: bool) -> None:
    """Make the front door anew where that is wanted, else say that it would become another one."""
    if renew:
        with s.console.step("edge"):
            target.renew_edge()
    elif target.edge_outdated():
        place = f" of {target.host}" if target.host else ""
        s.console.note(f"the front door{place} stays as it was made; deploy --edge makes it as it is here now")


def _let_hear(s: Session, target: Target, path: str) -> None:
    """Open the file of events and the webhook, where they are wanted and something is about to happen."""
    if s.runner.dry or not (path or s.settings.webhook_file):
        return
    heard = open_events(path, s.runner.root, s.settings.webhook_file, _facts(s, target), s.console.note)
    s.console.listeners.append(heard.hear)


def _deployer(s: Session, targets: Sequence[Target], leases: Sequence[Lease], timeouts: Timeouts) -> Deployer:
    environment, dry = s.environment, s.runner.dry
    together = len(targets) > 1 and environment.parallel > 1
    consoles = [s.console.of_host(each.host, together) if each.host else s.console for each in targets]
    parts = zip(targets, consoles, leases, strict=True)
    switchers = [Switcher(target, timeouts, console, lease, dry) for target, console, lease in parts]
    return Deployer(switchers, s.console, _hooks(s, targets[0]), environment.parallel, environment.soak_seconds, dry)


def _hooks(s: Session, target: Target) -> Hooks:
    return Hooks(s.runner, _facts(s, target), s.console.progress)


def _facts(s: Session, target: Target) -> dict[str, str]:
    """What hooks and listeners are told of every deploy."""
    return {"service": s.settings.service, "env": s.environment.name, "target": target.name, "url": target.url}


def _deploy_plans(s: Session, configuration: Configuration, info: BuildInfo, edge: bool) -> list[Plan]:
    plans, source = [], s.settings.takes_from(s.environment)
    for target in make_targets(s.runner, s.settings, configuration):
        if source:
            info = target.take(info, source)
        target.require_admission()
        live = deployment_in(target, target.live_slot())
        migrations = migrations_unknown_to(s.runner, live.release.commit if live else "")
        plans.append(plan_deploy(target, configuration, info, live, migrations, edge, source, s.settings.processes))
    return plans


def _rollback_plans(s: Session, targets: Sequence[Target], wanted: str) -> list[Plan]:
    plans = []
    for target in targets:
        switcher = Switcher(target, _timeouts(s, ""), s.console, Unlocked())
        switcher.look()
        release = switcher.choose(wanted)
        live = deployment_in(target, switcher.former)
        plans.append(plan_rollback(target, release, live, migrations_unknown_to(s.runner, release.commit)))
    return plans


def _tell_plans(plans: Sequence[Plan], json: bool) -> None:
    if json:
        print_json(plans[0].document() if len(plans) == 1 else [plan.document() for plan in plans])
        return
    for plan in plans:
        table(("plan", "nothing is changed"), plan.rows())


def _timeouts(s: Session, healthy: str) -> Timeouts:
    seconds = parse_seconds("--timeout", healthy) if healthy else s.settings.healthy_timeout
    return Timeouts(healthy=seconds, drain=s.settings.drain_timeout)


def tell(s: Session, target: Target, result: Result, json: bool) -> None:
    if json:
        print_json(result.document(target.name))
        return
    total = sum(result.seconds.values())
    if s.runner.dry:
        print(f"\nNothing was changed: this was a dry run of {s.environment.name}.")
    elif result.outcome == "unchanged":
        print(f"\nNothing to do: {result.version} serves already at {result.url}")
    else:
        several = f" on {len(result.hosts)} hosts" if len(result.hosts) > 1 else ""
        print(f"\n{result.outcome.capitalize()} {result.version}{several} in {total:.1f} s: {result.url}")
