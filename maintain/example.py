"""The example service at the root: rendered once into example/, then driven by its own tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .base_images import Choice, choose
from .rendering import ROOT, example_answers, make_repository, render, use_target, write_local_values

FOLDER = ROOT / "example"


def ready_example(folder: Path = FOLDER) -> Path:
    """The example service's folder, rendered first where it is not there."""
    if (folder / "invoke.yaml").exists() and (folder / ".git").exists():
        return folder
    choice = choose()
    print(
        f"Rendering the example service into {folder.name}/ for the {choice.target} target: {choice.reason}",
        file=sys.stderr,
    )
    make_service(folder, choice, {})
    return folder


def make_service(folder: Path, choice: Choice, answers: dict[str, str]) -> None:
    """Render the example's answers for a target, with this machine's base images, as a git repository."""
    database = {} if choice.target == "docker" else {"database": "sqlite"}
    render(folder, {**example_answers(), **database, **answers})
    use_target(folder, choice.target)
    write_local_values(folder, choice.images)
    make_repository(folder)


def run_task(folder: Path, words: Sequence[str]) -> int:
    """Run a task of a service with this Python's packages, on the user's terminal; gives its exit status."""
    sys.stdout.flush()
    command = [sys.executable, "-m", "invoke", "--search-root", str(folder), *words]
    return subprocess.run(command, cwd=folder, check=False).returncode
