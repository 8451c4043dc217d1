"""The tasks of this service; `invoke --list` explains them, README.md in this folder says whose they are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from invoke.collection import Collection

# Invoke lets Python keep no compiled modules, so that each command would compile all of these anew.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from . import build, command_line, deploy, drill, env, local, maintenance, new, observe, pgo, quality, template, watch  # noqa: E402
from .engine.core.paths import ROOT  # noqa: E402

GROUPS = {
    "Work": ["dev", "new.feature", "test", "lint", "vuln", "doctor"],
    "Build": ["build", "image", "pgo"],
    "Deploy": ["deploy", "rollback", "up", "down", "kubernetes.processes"],
    "Watch": ["status", "history", "health", "logs", "exec", "observe"],
    "Operate": [
        "maintenance",
        "rules.apply",
        "plugins.apply",
        "drill.kill",
        "drill.pause",
        "drill.latency",
        "drill.restart-database",
        "drill.redeploy",
    ],
    "Configure": ["env.check", "env.diff", "env.show"],
    "Renew": ["template.status", "template.update"],
}


def _collection() -> Collection:
    root = Collection()
    for module in (build, deploy, local, maintenance, observe, pgo, quality, watch):
        for task in Collection.from_module(module).tasks.values():
            root.add_task(task)
    for name, module in (("env", env), ("drill", drill), ("new", new), ("template", template)):
        root.add_collection(Collection.from_module(module), name)
    if importlib.util.find_spec(f"{__package__}.rules"):  # A service has it that was made with the guard.
        from . import rules

        root.add_collection(Collection.from_module(rules), "rules")
    if importlib.util.find_spec(f"{__package__}.plugins"):  # A service has it that was made with plugins.
        from . import plugins

        root.add_collection(Collection.from_module(plugins), "plugins")
    if importlib.util.find_spec(f"{__package__}.kubernetes"):  # A service has it that was made for Kubernetes.
        from . import kubernetes

        root.add_collection(Collection.from_module(kubernetes), "kubernetes")
    own = ROOT / "tasks_local.py"
    if own.exists():
        root.add_collection(_load(own), "local")
    root.configure({"tasks": {"auto_dash_names": True}})
    return root


def _load(path: Path) -> Collection:
    spec = importlib.util.spec_from_file_location("tasks_local", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Collection.from_module(module)


command_line.install(GROUPS)
ns = _collection()
