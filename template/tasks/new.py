"""Tasks that write code for you to go on with."""

from __future__ import annotations

from invoke.context import Context

from .cli import service_task, session
from .engine.core.paths import ROOT
from .engine.feature import feature as features
from .engine.feature.names import parse_names


@service_task(
    help={
        "name": "one of it, in lower case and with hyphens between words, as in price-list",
        "plural": "several of it, where the usual plural would be wrong",
    }
)
def feature(c: Context, name: str, plural: str = "") -> None:
    """Add a feature beside the example: its package with tests, a migration, routes, and its part of the document."""
    s = session(c)
    names = parse_names(name, plural)
    planned = features.plan(s.runner, names, s.settings.database)
    s.runner.act(f"write internal/{names.package}", lambda: features.write(ROOT, planned))
    for path in planned.new:
        print(f"new      {path}")
    for path in planned.changed:
        print(f"changed  {path}")
    print("\nIt has a name, to begin with: ./inv test proves it as it is, and what comes is yours.")
