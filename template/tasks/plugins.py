"""The task that exchanges the plugins while the service runs."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from .cli import ENV, Session, service_task, session
from .engine.build import gobuild, plugins
from .engine.build.source import read_build_info
from .engine.build.toolchain import require_go
from .engine.core.errors import UsageFault
from .engine.core.paths import ROOT
from .engine.deploy.overrides import PLUGINS, Change
from .engine.targets import described, locked, make_targets
from .locking import LOCK_WAIT, parse_wait
from .overriding import hand_over


@service_task(
    help={**ENV, **LOCK_WAIT, "folder": f"ready ones, in place of those that {plugins.FOLDER}/ of this checkout builds"}
)
def apply(c: Context, env: str = "dev", folder: str = "", lock_wait: str = "0") -> None:
    """Have the release that serves use the plugins of this checkout, from now on and without a restart."""
    s = session(c, env)
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment))
    with locked(targets, f"plugins.apply --env={env}", parse_wait(lock_wait), s.console.note):
        s.console.title(f"Exchanging the plugins of {s.settings.service} in {env} ({described(targets)})")
        change = _read(ROOT / folder) if folder else _built(s)
        hand_over(s, targets, change)


def _built(s: Session) -> Change:
    with s.console.step("build") as step:
        info = read_build_info(s.runner, s.settings.service, s.environment.name, s.settings.bakes(s.environment))
        gobuild.build_plugins(s.runner, require_go(s.runner), info)
        change = Change(PLUGINS, {}) if s.runner.dry else _read(plugins.built(ROOT))
        step.detail = ", ".join(name for name in change.content if name.endswith(plugins.PROGRAM)) or "none"
        return change


def _read(folder: Path) -> Change:
    if not folder.is_dir():
        raise UsageFault(f"{folder} is not a folder", remedy="name another one by --folder")
    files = plugins.read(folder)
    sign = plugins.digest(files)
    return Change(PLUGINS, {**files, plugins.DIGEST: sign.encode()}, sign)
