"""The task that changes the rules of the guard while the service runs."""

from __future__ import annotations

from invoke.context import Context

from .cli import ENV, service_task, session
from .engine.core.errors import UsageFault
from .engine.core.paths import ROOT
from .engine.deploy.overrides import RULES as OVERRIDE
from .engine.deploy.overrides import Change
from .engine.targets import described, locked, make_targets
from .locking import LOCK_WAIT, parse_wait
from .overriding import hand_over

RULES = "configs/rules.json"


@service_task(help={**ENV, **LOCK_WAIT, "file": f"the rules, by default {RULES}"})
def apply(c: Context, env: str = "dev", file: str = RULES, lock_wait: str = "0") -> None:
    """Have the release that serves hold requests to the rules of this checkout, from now on and without a restart."""
    s = session(c, env)
    change = Change(OVERRIDE, {"": _read(file)})
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment))
    with locked(targets, f"rules.apply --env={env}", parse_wait(lock_wait), s.console.note):
        s.console.title(f"Changing the rules of {s.settings.service} in {env} ({described(targets)})")
        hand_over(s, targets, change)


def _read(file: str) -> bytes:
    try:
        return (ROOT / file).read_bytes()
    except OSError as error:
        raise UsageFault(f"{file} cannot be read: {error}", remedy="name another file by --file") from error
