"""Writing a feature: planned as whole files, so that all of it is written or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..build.toolchain import gofmt
from ..core.errors import BuildFault, UsageFault
from ..core.runner import Runner
from .insertion import Page
from .names import Names

SHAPE = Path("internal", "_feature")
"""What a feature is made of, as one of a made-up gadget. Go leaves a folder alone that begins with an underscore."""
FEATURES, DOCUMENT = "internal/app/features.go", "api/openapi.yaml"
STORES = {
    "postgres": "NewPostgresStore(db)",
    "mysql": "NewMySQLStore(db)",
    "sqlite": "NewSQLiteStore(db)",
    "none": "NewMemoryStore()",
}
"""What makes the store of a feature, by the service's database."""
SECTIONS = {
    ("tags:",): "  - name: operations",
    ("paths:",): "  /livez:",
    ("components:", "  schemas:"): "    Health:",
}
"""The sections of the document that a feature adds to, each with the line that its part stands before."""


@dataclass(frozen=True)
class Feature:
    """The files of a feature by their paths: those that are new, and those that have new lines."""

    new: Mapping[str, str]
    changed: Mapping[str, str]


def plan(runner: Runner, names: Names, database: str) -> Feature:
    """What a feature with these names adds to the service.

    Raises UsageFault where there is one already, or where a file was changed so that there is no place for its lines.
    """
    root = runner.root
    folder = f"internal/{names.package}"
    if (root / folder).exists():
        raise UsageFault(f"{folder} is there already", remedy="take another name, or remove it")
    new = {f"{folder}/{name}": text for name, text in _go_files(root, names, database).items()}
    if database != "none":
        new[f"migrations/{_next_number(root):04d}_create_{names.replaced('«gadgets/table»')}.sql"] = names.replaced(
            (root / SHAPE / "migration.sql").read_text(encoding="utf-8")
        )
    changed = {FEATURES: _features(root, names, database), DOCUMENT: _document(root, names)}
    everything = {**new, **changed}
    formatted = {path: _formatted(runner, path, text) for path, text in everything.items() if path.endswith(".go")}
    return Feature({**new, **_only(formatted, new)}, {**changed, **_only(formatted, changed)})


def write(root: Path, feature: Feature) -> None:
    """Write all of it; what was written goes again where something of it cannot be."""
    before = {path: (root / path).read_text(encoding="utf-8") for path in feature.changed}
    try:
        for path, text in {**feature.new, **feature.changed}.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
    except BaseException:
        for path in feature.new:
            (root / path).unlink(missing_ok=True)
        for path, text in before.items():
            (root / path).write_text(text, encoding="utf-8")
        raise


def _go_files(root: Path, names: Names, database: str) -> dict[str, str]:
    """The package by its files. Where there is a database, the store in memory is for tests."""
    files = {}
    for path in sorted((root / SHAPE / "go").glob("*.go")):
        name = {"feature.go": f"{names.package}.go"}.get(path.name, path.name)
        if name == "memory.go" and database != "none":
            name = "memory_test.go"
        files[name] = names.replaced(path.read_text(encoding="utf-8"))
    return files


def _features(root: Path, names: Names, database: str) -> str:
    """The page of the features, with a line in each of its parts."""
    page = Page(root, FEATURES)
    page.imports(f"{_module(root)}/internal/{names.package}")
    added = {
        "type features struct {": ("}", "\tgadgets gadget.Store"),
        "\treturn features{": ("\t}", f"\t\tgadgets: gadget.{STORES[database]},"),
        "func (f features) register(router gin.IRouter, logger *slog.Logger) {": (
            "}",
            "\tgadget.NewHandler(gadget.NewService(f.gadgets), logger).Register(router)",
        ),
    }
    if (root / SHAPE / "go" / "guarded.go").exists():
        guarded = "func (f features) guarded(g *guard.Guard) features {"
        added[guarded] = ("\treturn f", "\tf.gadgets = gadget.NewGuardedStore(f.gadgets, g)")
    if (root / "internal" / "platform" / "auth").is_dir():
        rows = {"POST ": "write", "GET ": "read", "GET /:id": "read"}
        table = "\n".join(_access_row(key, scope) for key, scope in rows.items())
        added["\treturn auth.Table{"] = ("\t}", table)
    for opening, (closing, lines) in added.items():
        page.before(closing, opening, names.replaced(lines).splitlines())
    return page.text


def _access_row(key: str, scope: str) -> str:
    method, _, rest = key.partition(" ")
    return f'\t\t"{method} /v1/«gadgets/path»{rest}": auth.Holder("«gadgets/path»:{scope}"),'


def _document(root: Path, names: Names) -> str:
    """The OpenAPI document with the feature's requests."""
    page, part = Page(root, DOCUMENT), (root / SHAPE / "openapi.yaml").read_text(encoding="utf-8").splitlines()
    for headings, ahead_of in SECTIONS.items():
        at = max(part.index(heading) for heading in headings)
        indentation = len(headings[-1]) - len(headings[-1].lstrip())
        deeper = re.compile(rf" {{{indentation + 1},}}")
        end = next((i for i in range(at + 1, len(part)) if not deeper.match(part[i])), len(part))
        page.section(headings, [names.replaced(line) for line in part[at + 1 : end]], ahead_of)
    return page.text


def _next_number(root: Path) -> int:
    numbers = [int(path.name[:4]) for path in (root / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql")]
    return max(numbers, default=0) + 1


def _module(root: Path) -> str:
    found = re.search(r"^module (\S+)$", (root / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise UsageFault("go.mod names no module", remedy="restore it from git")
    return found[1]


def _formatted(runner: Runner, path: str, text: str) -> str:
    done = runner.read([gofmt(runner)], feed=text)
    if not done.ok:
        raise BuildFault(f"{path} cannot be formatted", details=done.tail(), remedy="mend it first: ./inv lint")
    return done.stdout


def _only(texts: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in texts.items() if path in paths}
