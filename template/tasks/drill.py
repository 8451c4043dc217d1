"""Tasks that break a running environment on purpose, under load, and tell how it recovers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from invoke.context import Context

from .cli import ENV, JSON, Session, leave, service_task, session
from .engine.build.source import read_build_info
from .engine.config.settings import parse_seconds
from .engine.core.console import print_json, table
from .engine.core.errors import DeployFault, UsageFault
from .engine.deploy.status import read_status
from .engine.deploy.target import Target
from .engine.drill import drills
from .engine.drill.load import connection_count
from .engine.targets import locked, make_target

OPTIONS = {
    **ENV,
    **JSON,
    "seconds": "seconds of load (default: 15)",
    "connections": "keep-alive connections, half of which place orders (default: 20)",
    "process": "break one of this process beside the service instead (kill and pause)",
    "yes_in_production": "drill prod, too",
}


def _task(name: str, text: str) -> Any:
    """The task of one drill; all take the same options."""

    def drill(
        c: Context,
        env: str = "dev",
        seconds: str = "15",
        connections: str = "20",
        process: str = "",
        yes_in_production: bool = False,
        json: bool = False,
    ) -> None:
        s = session(c, env, json)
        drills.allow(s.environment, f"drill.{name}", yes_in_production)
        rto = s.settings.rto_seconds
        _drill(
            s,
            drills.Wanted(name, parse_seconds("--seconds", seconds), connection_count(connections), rto, process),
            json,
        )

    drill.__name__, drill.__doc__ = name, text
    return service_task(help=OPTIONS)(drill)


kill = _task("kill", "Kill the process of the slot that serves; the engine has to start it again.")
pause = _task("pause", "Freeze the slot that serves for a third of the time.")
latency = _task("latency", "Slow the database down by freezing it in short turns, or the slot where there is none.")
restart_database = _task("restart-database", "Restart the database of the stack.")
redeploy = _task("redeploy", "Deploy what serves with another LOG_LEVEL, then roll back: no request may be lost.")


def _drill(s: Session, wanted: drills.Wanted, json: bool) -> None:
    name, env = wanted.name, s.environment.name
    configuration = s.environments.configuration(s.environment)
    target = make_target(s.runner, s.settings, configuration)
    if wanted.process:
        drills.require_process(target, name, wanted.process)
    target.victim(name, wanted.process)
    if name == "redeploy":
        _require_same_version(s, target)
    if s.runner.dry:
        s.runner.act(f"drill.{name} on {env}, under {wanted.seconds:.0f} s of load", lambda: None)
        return
    with _lock(s, name, target):
        s.console.title(f"Drilling {s.settings.service} in {env}: {name}")
        report = drills.run(target, s.settings, wanted, s.console, configuration["LOG_LEVEL"])
    if json:
        print_json(vars(report))
    else:
        print()
        table((f"drill.{name}", ""), report.rows())
    if not report.passed:
        what = f"error: {s.settings.service} in {env} did not pass drill.{name}"
        leave(5, f"{what}\n  what to do: status and logs show more")


def _lock(s: Session, name: str, target: Target) -> AbstractContextManager[object]:
    """No deploy meets a fault; the drill that deploys leaves the lock to its deploys."""
    if name == "redeploy":
        return nullcontext()
    return locked([target], f"drill.{name} --env={s.environment.name}", 0, s.console.note)


def _require_same_version(s: Session, target: Target) -> None:
    release = read_status([target], s.settings.service, s.environment.name)["release"]
    if release is None:
        raise DeployFault(f"no release serves in {s.environment.name}", remedy=f"deploy --env={s.environment.name}")
    here = read_build_info(s.runner, s.settings.service, s.environment.name).version
    if release["version"] != here:
        raise UsageFault(
            f"{release['version']} serves, and the work tree is {here}: a drill must not deploy other code",
            remedy="check out what serves, or deploy first",
        )
