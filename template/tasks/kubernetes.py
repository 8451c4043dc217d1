"""Tasks for the manifests in deploy/kubernetes."""

from __future__ import annotations

from invoke.context import Context

from .cli import service_task, session
from .engine.kubernetes.process_component import write_components


@service_task()
def processes(c: Context) -> None:
    """Write the component of each process of invoke.yaml that has none, and name it in the overlays."""
    s = session(c)
    types = {each.name: each for each in s.settings.processes}
    changed = write_components(s.runner.root, s.settings.service, types)
    for path in changed:
        print(f"wrote {path.relative_to(s.runner.root)}")
    if not changed:
        print("deploy/kubernetes has all processes of invoke.yaml")
