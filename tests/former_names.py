"""The template as it was while conditions stood in the names of its paths, made from the present one."""

from __future__ import annotations

import re
from pathlib import Path

# What a path was called; a folder comes after what is in it.
CONDITIONS = (
    ("license != 'none'", ("LICENSE.jinja",)),
    ("ci == 'github'", (".github",)),
    (
        "database == 'postgres'",
        (
            "internal/order/postgres.go",
            "internal/order/postgres_test.go.jinja",
            "internal/platform/database/databasetest",
            "internal/platform/database/explain.go",
            "internal/platform/database/migrate_postgres.go",
            "internal/platform/database/postgres.go.jinja",
        ),
    ),
    (
        "database == 'sqlite'",
        (
            "internal/order/sqlite.go",
            "internal/order/sqlite_test.go.jinja",
            "internal/platform/database/migrate_sqlite.go",
            "internal/platform/database/sqlite.go.jinja",
        ),
    ),
    ("database != 'none'", ("internal/platform/database", "migrations")),
)
MEMORY = "template/internal/order/{% if database == 'none' %}memory{% else %}memory_test{% endif %}.go.jinja"
BLOCK = re.compile(r"^  # \w+: .*\n(?:  # .*\n)*  - \|\n(?:    .*\n)+\n", re.MULTILINE)


def put_conditions_into_names(folder: Path) -> None:
    """Have the template in `folder` say by names, and by no list, which answer brings which path."""
    for condition, names in CONDITIONS:
        for name in names:
            path = folder / "template" / name
            stem = path.name.removesuffix(".jinja")
            path.rename(path.with_name(f"{{% if {condition} %}}{stem}{{% endif %}}{path.name[len(stem) :]}"))
    (folder / "includes" / "memory.go.jinja").rename(folder / MEMORY)
    for name in ("memory", "memory_test"):
        (folder / "template" / "internal" / "order" / f"{name}.go.jinja").unlink()
    settings = folder / "copier.yml"
    text, count = BLOCK.subn("", settings.read_text(encoding="utf-8"))
    assert count == 3, "copier.yml has not the three blocks that names stood for"
    settings.write_text(text, encoding="utf-8")
