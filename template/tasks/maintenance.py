"""The task that turns maintenance on and off."""

from __future__ import annotations

from invoke.context import Context

from .cli import ENV, JSON, service_task, session
from .engine import maintenance as engine
from .engine.console import print_json
from .engine.errors import UsageFault
from .engine.targets import make_target


@service_task(help={**ENV, **JSON, "on": "answer every request with 503 and a page", "off": "serve again"})
def maintenance(c: Context, env: str = "dev", on: bool = False, off: bool = False, json: bool = False) -> None:
    """Turn the maintenance page on or off, or say which; releases can be deployed behind it."""
    if on and off:
        raise UsageFault("--on and --off exclude each other", remedy="give one of them, or none to see what is")
    s = session(c, env, json)
    target = make_target(s.runner, s.settings, s.environments.configuration(s.environment))
    if on or off:
        s.runner.act(f"turn maintenance {'on' if on else 'off'} at {target.url}", lambda: engine.switch(target, on))
    now = engine.is_on(target)
    if json:
        print_json({"service": s.settings.service, "env": env, "url": target.url, "maintenance": now})
    else:
        print(f"Maintenance of {s.settings.service} in {env} is {'on' if now else 'off'}: {target.url}")
