"""Tasks for the stack as it runs: bring it up, take it down, look into it, work on it."""

from __future__ import annotations

import sys

from invoke.context import Context

from .cli import ENV, HOST, Session, leave, remainder, service_task, session
from .deploy import checked_configuration, deploy, start_again, start_what_stands_still, tell, with_secrets
from .engine.build import watch
from .engine.core.errors import DeployFault, UsageFault
from .engine.deploy.target import Target
from .engine.targets import locked, make_target, make_targets
from .locking import LOCK_WAIT, parse_wait


@service_task(help=ENV)
def up(c: Context, env: str = "dev") -> None:
    """Bring an environment up: start what stands still, or deploy where nothing ever served."""
    s = session(c, env)
    configuration = checked_configuration(s)
    targets = make_targets(s.runner, s.settings, configuration)
    with_secrets(s, targets, configuration)
    if all(target.live_slot() for target in targets):
        start_what_stands_still(s, targets)
        for target in targets:
            print(f"{s.settings.service} is up in {env}: {target.url}")
        return
    result = start_again(s, targets) if all(target.releases.read() for target in targets) else None
    if result:
        tell(s, targets[0], result, json=False)
    else:
        deploy(c, env=env)


@service_task(
    help={
        **ENV,
        **LOCK_WAIT,
        "volumes": "delete the environment's data as well, after a question",
        "yes": "answer the question",
    }
)
def down(c: Context, env: str = "dev", volumes: bool = False, yes: bool = False, lock_wait: str = "0") -> None:
    """Stop and remove an environment's stack; its data stays, unless --volumes."""
    s = session(c, env)
    wait = parse_wait(lock_wait)
    if volumes and not yes and not s.runner.dry:
        _confirm(f"Delete all data of {s.settings.service} in {env}?")
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment))
    with locked(targets, f"down --env={env}", wait, s.console.note):
        for target in targets:
            target.take_down(volumes)
    print(f"{s.settings.service} is down in {env}" + (", its data is deleted" if volumes else ", its data is kept"))


@service_task(
    help={
        **ENV,
        **HOST,
        "follow": "go on printing until Ctrl-C",
        "lines": "how many lines back (default: 100)",
        "service": "one process, or service of the stack (default: both slots, and all processes beside the service)",
    }
)
def logs(
    c: Context, env: str = "dev", host: str = "", follow: bool = False, lines: str = "100", service: str = ""
) -> None:
    """Print the log of what a release runs, with several hosts those of the first or of --host."""
    s = session(c, env)
    if not lines.isdigit():
        raise UsageFault(f'--lines "{lines}" is not a number', remedy="as in --lines=500")
    leave(_target(s, host).show_logs(service, lines, follow))


@service_task(
    name="exec", help={**ENV, **HOST, "service": "a process, or service of the stack (default: the slot that serves)"}
)
def exec_(c: Context, env: str = "dev", service: str = "", host: str = "") -> None:
    """Run a command in a container: exec -- /app version, or exec --service=database -- psql."""
    s = session(c, env)
    command = remainder()
    if not command:
        raise UsageFault("there is no command", remedy="put it after two hyphens, as in exec -- /app version")
    target = _target(s, host)
    if not service and not target.live_slot():
        raise DeployFault(f"no release serves in {env}", remedy=f"deploy --env={env}")
    leave(target.execute(service, command))


@service_task(help=ENV)
def dev(c: Context, env: str = "dev") -> None:
    """Run the service in the foreground, built again whenever a source file changes."""
    s = session(c, env)
    configuration = checked_configuration(s)
    target = make_target(s.runner, s.settings, configuration) if s.settings.backing else None
    configuration = with_secrets(s, [target], configuration) if target else configuration
    values = configuration.values()
    if "DRAIN_LEAD" not in configuration.given:
        values["DRAIN_LEAD"] = "0s"
    if target:
        with s.console.step(" and ".join(each.name for each in s.settings.backing)):
            values |= target.reached_from_here(values)
    watch.run(s.runner, s.settings, s.environment, values, s.console)


def _target(s: Session, host: str) -> Target:
    return make_target(s.runner, s.settings, s.environments.configuration(s.environment), host)


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageFault(f"{question} There is no terminal to ask on", remedy="add --yes if you mean it")
    if input(f"{question} Type yes: ").strip() != "yes":
        raise UsageFault("nothing was deleted", remedy="leave --volumes away to keep the data")
