"""The engine's wings: which may import which, and that none of them knows Invoke."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.service import ROOT
from ..support.text_rules import lines_of_code

ENGINE = ROOT / "template" / "tasks" / "engine"
STEPS = ("core", "config", "build", "deploy")
MAY_IMPORT = {
    "core": set[str](),
    "config": {"core"},
    "build": {"core", "config"},
    "edge": {"core"},
    "deploy": {"core", "config", "build"},
    "docker": {*STEPS, "edge"},
    "process": {*STEPS, "edge"},
    "kubernetes": set(STEPS),
    "drill": set(STEPS),
    "observe": set(STEPS),
    "feature": {"core", "config", "build"},
    "template": {"core", "config", "build"},
    "secrets": {"core", "config"},
}
KNOWS_ALL = {"targets.py", "doctor.py"}
SIZE = re.compile(r"^\| `(\w+)/?` \|.*\| ([\d,]+) \|$", re.MULTILINE)


def wings() -> set[str]:
    return {path.parent.name for path in ENGINE.glob("*/*.py")}


def imports(path: Path) -> Iterator[str]:
    """What a module imports, as dotted names below the engine, or as the names of packages outside."""
    here = path.relative_to(ENGINE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) + 1 - node.level]
            found = [*above, *([node.module] if node.module else [])]
            yield from (".".join(["engine", *found, *([] if node.module else [alias.name])]) for alias in node.names)


def wing_of(name: str) -> str:
    """The wing of something below the engine; empty where it is elsewhere."""
    parts = name.split(".")
    return parts[1] if parts[0] == "engine" and len(parts) > 1 else ""


def test_all_wings_are_described() -> None:
    assert wings() == set(MAY_IMPORT)
    assert {path.name for path in ENGINE.glob("*.py")} == KNOWS_ALL


@pytest.mark.parametrize("wing", sorted(MAY_IMPORT))
def test_a_wing_imports_only_what_lies_below_it(wing: str) -> None:
    found = {
        (path.name, name)
        for path in (ENGINE / wing).glob("*.py")
        for name in imports(path)
        if name.startswith("engine") and wing_of(name) not in {wing, *MAY_IMPORT[wing]}
    }

    assert found == set()


def test_no_wing_knows_invoke_or_the_tasks() -> None:
    names = {name for path in ENGINE.rglob("*.py") for name in imports(path)}

    assert {name for name in names if name.split(".")[0] == "invoke"} == set()
    assert any(name.startswith("engine.core") for name in names)


def test_only_one_module_beside_the_doctor_knows_more_than_one_target() -> None:
    both = [
        path.relative_to(ENGINE).as_posix()
        for path in ENGINE.rglob("*.py")
        if len({"docker", "process", "kubernetes"} & {wing_of(name) for name in imports(path)}) > 1
    ]

    assert both == ["targets.py"]


def test_a_wing_says_what_it_is_for_and_what_it_may_import() -> None:
    for wing, allowed in MAY_IMPORT.items():
        text = ast.get_docstring(ast.parse((ENGINE / wing / "__init__.py").read_text())) or ""
        assert re.search(r"may import|imports no other", text), wing
        assert len(text.splitlines()) <= 3, wing
        named = {other for other in MAY_IMPORT if re.search(rf"\b{other}\b", text.split("\n")[-1])}
        assert named <= allowed, wing


def test_the_readme_says_how_large_each_wing_is() -> None:
    told = {
        name: int(lines.replace(",", "")) for name, lines in SIZE.findall((ENGINE.parent / "README.md").read_text())
    }
    assert set(told) == {*MAY_IMPORT, "tasks"}

    real = {wing: sum(lines_of_code(path.read_text()) for path in (ENGINE / wing).glob("*.py")) for wing in MAY_IMPORT}
    real["tasks"] = sum(lines_of_code(path.read_text()) for path in ENGINE.parent.rglob("*.py"))

    assert {name: (lines, real[name]) for name, lines in told.items() if abs(lines - real[name]) > 0.15 * lines} == {}
