"""The task that turns maintenance on and off."""

from __future__ import annotations

from functools import partial

from invoke.context import Context

from .cli import ENV, JSON, service_task, session
from .engine.core.console import print_json
from .engine.core.errors import UsageFault
from .engine.deploy.maintenance import switch
from .engine.targets import locked, make_targets
from .locking import LOCK_WAIT, parse_wait


@service_task(help={**ENV, **LOCK_WAIT, **JSON, "on": "answer every request with 503 and a page", "off": "serve again"})
def maintenance(
    c: Context, env: str = "dev", on: bool = False, off: bool = False, lock_wait: str = "0", json: bool = False
) -> None:
    """Turn the maintenance page on or off, or say which; releases can be deployed behind it."""
    if on and off:
        raise UsageFault("--on and --off exclude each other", remedy="give one of them, or none to see what is")
    s = session(c, env, json)
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment))
    if on or off:
        words = f"maintenance --{'on' if on else 'off'} --env={env}"
        with locked(targets, words, parse_wait(lock_wait), s.console.note, borrow=True):
            for target in targets:
                wanted = partial(switch, target, on)
                s.runner.act(f"turn maintenance {'on' if on else 'off'} at {target.url}", wanted)
    now = [(target.host, target.url, target.in_maintenance()) for target in targets]
    if json:
        first = {"url": targets[0].url, "maintenance": all(is_on for _, _, is_on in now)}
        hosts = [{"host": host, "url": url, "maintenance": is_on} for host, url, is_on in now if host]
        print_json({"service": s.settings.service, "env": env, **first, **({"hosts": hosts} if hosts else {})})
        return
    for host, url, is_on in now:
        where = f"{url} ({host})" if host else url
        print(f"Maintenance of {s.settings.service} in {env} is {'on' if is_on else 'off'}: {where}")
