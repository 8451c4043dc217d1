"""Every file of a service has one owner, and everything that says whose a file is says the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from maintain.moves import last_release, read_notes, released_paths, service_paths, undocumented
from service_tasks.engine.core.errors import Fault
from service_tasks.engine.template.ownership import MANAGED, OWNED, SEEDED, Ownership, read_ownership

from ..conftest import Render
from ..support.service import ROOT, git
from ..support.template_versions import DROPPED, RENAMED, Template

OWNERSHIP = read_ownership(ROOT / "template")
ANSWERS: list[dict[str, Any]] = [
    {"database": "postgres", "license": "mit", "kubernetes": True},
    {
        "database": "mysql",
        "license": "mit",
        "kubernetes": True,
        "cache": "redis",
        "events": "kafka",
        "reconciler": "log",
        "jobs": "scheduled",
        "plugins": "wasm",
    },
    {"database": "sqlite", "license": "apache-2.0", "ci": "gitlab"},
    {"database": "none", "license": "none", "ci": "forgejo"},
]
HEADER = re.compile(r"^(?:#|//) (Managed|Seeded): ", re.MULTILINE)
WITH_HEADER = (
    "Dockerfile",
    "docker-compose.yml",
    "invoke.yaml",
    ".env.example",
    ".env.dev",
    ".env.staging",
    ".env.prod",
)


def rendered_names(folder: Path) -> list[str]:
    """All files of a rendered service."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if "__pycache__" not in path.parts)


def table(text: str) -> list[list[str]]:
    """The cells of all tables of a document."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def as_written(pattern: str) -> str:
    """A pattern as the documentation writes it: one name for the files of all environments."""
    return re.sub(r"^\.env\.(dev|staging|prod|\*)(?=$|\.)", ".env.<env>", pattern)


# --- The classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: "-".join(map(str, answers.values())))
def test_every_rendered_file_is_either_managed_or_seeded(rendered: Render, answers: dict[str, Any]) -> None:
    names = rendered_names(rendered(**answers))

    assert len(names) > 100
    assert {name: found for name in names if (found := OWNERSHIP.classes(name)) not in ([MANAGED], [SEEDED])} == {}


def test_every_pattern_for_files_of_the_template_fits_some(rendered: Render) -> None:
    names = {name for answers in ANSWERS for name in rendered_names(rendered(**answers))}
    patterns = [(kind, pattern) for kind in (MANAGED, SEEDED) for pattern in OWNERSHIP.patterns[kind]]
    alone = [Ownership({MANAGED: [pattern], SEEDED: [], OWNED: []}) for _, pattern in patterns]

    assert [p for (_, p), one in zip(patterns, alone, strict=True) if not any(map(one.classes, names))] == []


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("Dockerfile", MANAGED),
        ("internal/app/app.go", MANAGED),
        ("migrations/migrations.go", MANAGED),
        ("migrations/0001_create_orders.sql", SEEDED),
        ("internal/order/handler.go", SEEDED),
        (".env.staging", MANAGED),
        (".env.staging.local", OWNED),
        ("secrets/prod.txt", OWNED),
        ("hooks/pre-build", OWNED),
        ("internal/billing/handler.go", OWNED),
        ("internal/application/handler.go", OWNED),
        ("docs/Dockerfile", OWNED),
    ],
)
def test_a_path_belongs_to(path: str, owner: str) -> None:
    assert OWNERSHIP.owner(path) == owner


def test_a_file_of_classes_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"tasks/ownership\.json"):
        read_ownership(tmp_path)


# --- Everything that says whose a file is ---------------------------------------------------------


def test_copier_leaves_alone_exactly_what_is_seeded() -> None:
    excluded = yaml.safe_load((ROOT / "copier.yml").read_text())["_exclude"]
    expected = [
        "{% if _copier_operation == 'update' %}/" + pattern.removesuffix("/") + "{% endif %}"
        for pattern in OWNERSHIP.patterns[SEEDED]
    ]

    assert sorted(pattern for pattern in excluded if "_copier_operation" in pattern) == sorted(expected)


def test_the_documentation_lists_every_pattern_under_its_owner() -> None:
    rows = {row[0]: row[1] for row in table((ROOT / "docs" / "generate.md").read_text()) if len(row) == 3}

    for kind, patterns in OWNERSHIP.patterns.items():
        assert set(re.findall(r"`([^`]+)`", rows[kind])) == set(map(as_written, patterns)), kind


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: "-".join(map(str, answers.values())))
def test_the_readme_of_a_service_says_whose_its_files_are(rendered: Render, answers: dict[str, Any]) -> None:
    folder = rendered(**answers)
    layout = (folder / "README.md").read_text().partition("## Layout")[2].partition("\n## ")[0]
    kinds = {"managed": MANAGED, "seeded": SEEDED, "yours": OWNED}
    rows = [(re.findall(r"`([^`]+)`", row[0]), kinds[row[2]]) for row in table(layout) if row[2] in kinds]
    told = [(path.replace("<env>", "dev"), kind) for paths, kind in rows for path in paths]

    assert len(told) > 15
    # A folder's row tells whose its files are, even those that are the user's in the folder of the template.
    example = {"migrations/": "migrations/0001_create_orders.sql"}
    wrong = [(path, kind) for path, kind in told if OWNERSHIP.owner(example.get(path, path)) != kind]
    assert wrong == []


def test_the_header_of_a_file_says_whose_it_is(rendered: Render) -> None:
    folder = rendered()
    told = {}
    for name in rendered_names(folder):
        if not name.startswith("tasks/") and (found := HEADER.search((folder / name).read_text()[:800])):
            told[name] = found[1].lower()

    assert set(WITH_HEADER) <= set(told)
    assert {name: kind for name, kind in told.items() if OWNERSHIP.owner(name) != kind} == {}


# --- Files that go away ---------------------------------------------------------------------------


def test_no_file_of_the_last_release_goes_away_without_a_note() -> None:
    version = last_release(ROOT)
    present = service_paths(git(ROOT, "ls-files", "template/").splitlines())

    assert undocumented(released_paths(ROOT, version) if version else [], present, read_notes(ROOT)) == []


def test_a_file_that_went_away_is_found_unless_a_note_explains_it(template_versions: Template) -> None:
    former, present = (released_paths(template_versions.folder, version) for version in ("v1.0.0", "v1.3.0"))

    assert undocumented(former, present, {}) == sorted([RENAMED[0], DROPPED])
    assert undocumented(former, present, {DROPPED: "", RENAMED[0]: "It is router.go now."}) == [DROPPED]


def test_a_file_under_a_condition_was_called_what_each_branch_says() -> None:
    former = [
        "template/{% if license != 'none' %}LICENSE{% endif %}.jinja",
        "template/{% if ci == 'github' %}.github{% endif %}/{% if ci != 'none' %}ci.yml{% endif %}.jinja",
        "template/{% if database == 'none' %}memory{% else %}memory_test{% endif %}.go.jinja",
    ]

    assert service_paths(former) == [".github/ci.yml", "LICENSE", "memory.go", "memory_test.go"]
