"""The tasks of this service; `invoke --list` explains them, README.md in this folder says whose they are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from invoke.collection import Collection

# Invoke lets Python keep no compiled modules, so that each command would compile all of these anew.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from . import (  # noqa: E402
    build,
    command_line,
    deploy,
    drill,
    env,
    local,
    maintenance,
    new,
    observe,
    pgo,
    quality,
    secret_files,
    template,
    watch,
)
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
    "Configure": [
        "env.check",
        "env.fix",
        "env.diff",
        "env.show",
        "secrets.keygen",
        "secrets.recipients",
        "secrets.edit",
        "secrets.set",
        "secrets.rotate",
        "secrets.merge",
        "secrets.check",
    ],
    "Renew": ["template.status", "template.update"],
}


def _collection() -> Collection:
    root = Collection()
    for module in (build, deploy, local, maintenance, observe, pgo, quality, watch):
        for task in Collection.from_module(module).tasks.values():
            root.add_task(task)
    # Invoke has this folder where modules are looked for: none may be called as one of Python's own.
    own = {"env": env, "drill": drill, "new": new, "secrets": secret_files, "template": template}
    for name, module in own.items():
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
    local_tasks = ROOT / "tasks_local.py"
    if local_tasks.exists():
        root.add_collection(_load(local_tasks), "local")
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
