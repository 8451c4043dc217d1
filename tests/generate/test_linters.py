"""The linter configuration of a service is met by it, with every pair of answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Render
from .combinations import named, pairwise

pytestmark = [pytest.mark.slow, pytest.mark.full]
GOLANGCI = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """That of the PATH, or one that is compiled, for some minutes."""
    if found := shutil.which("golangci-lint"):
        return found
    folder = tmp_path_factory.mktemp("linter")
    subprocess.run(["go", "install", GOLANGCI], check=True, env={**os.environ, "GOBIN": str(folder)}, timeout=1800)
    return str(folder / "golangci-lint")


@pytest.mark.parametrize("answers", pairwise(), ids=named)
def test_golangci_lint_has_no_complaints(answers: dict[str, Any], rendered: Render, linter: str) -> None:
    done = subprocess.run([linter, "run"], cwd=rendered(**answers), capture_output=True, text=True, timeout=900)

    assert done.returncode == 0, done.stdout + done.stderr


def test_it_finds_what_it_is_there_to_find(rendered: Render, linter: str, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    shutil.copytree(rendered(database="none"), folder)
    wrong = folder / "internal" / "order" / "wrong.go"
    wrong.write_text('package order\n\nimport "net/http"\n\nvar Wrong, _ = http.Get("https://localhost")\n')

    done = subprocess.run([linter, "run"], cwd=folder, capture_output=True, text=True, timeout=900)

    assert done.returncode == 1
    assert {name for name in ("gochecknoglobals", "noctx") if f"({name})" in done.stdout} == {
        "gochecknoglobals",
        "noctx",
    }
