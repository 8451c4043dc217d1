"""Services made from this template by Copier's own API."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = ROOT / "example-answers.yml"
ENVIRONMENTS = ("dev", "staging", "prod")


def example_answers() -> dict[str, Any]:
    """The answers of `example-answers.yml`."""
    import yaml

    answers: dict[str, Any] = yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))
    return answers


def render(folder: Path, answers: Mapping[str, Any]) -> Path:
    """Render the template as it is in this checkout, uncommitted changes included, and return the folder."""
    from copier import run_copy

    with warnings.catch_warnings():
        # A checkout with uncommitted changes is what a maintainer wants to see rendered.
        warnings.simplefilter("ignore")
        run_copy(str(ROOT), folder, data=dict(answers), defaults=True, quiet=True, overwrite=True, vcs_ref="HEAD")
    return folder


def make_repository(folder: Path) -> None:
    """Make the rendered folder a git repository with one commit."""
    name = ["-c", "user.name=copier-gin", "-c", "user.email=copier-gin@localhost"]
    for arguments in (
        ["init", "--quiet"],
        ["add", "--all"],
        [*name, "-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "Start the service"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def write_local_values(folder: Path, values: Mapping[str, str], environments: tuple[str, ...] = ENVIRONMENTS) -> None:
    """Write values that the service knows into the `.env.<env>.local` of environments, which git ignores."""
    from dotenv import dotenv_values

    known = dotenv_values(folder / ".env.example", interpolate=False)
    lines = "".join(f"{name}={value}\n" for name, value in values.items() if name in known)
    for environment in environments if lines else ():
        (folder / f".env.{environment}.local").write_text(lines, encoding="utf-8")


def use_target(folder: Path, target: str) -> None:
    """Set the target of every environment in `invoke.yaml`."""
    path = folder / "invoke.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("target: docker\n", f"target: {target}\n"), encoding="utf-8"
    )


def use_cluster(folder: Path, environment: str, contexts: Sequence[str], registry: str) -> None:
    """Have an environment in `invoke.yaml` be in clusters, as contexts of kubectl, that pull from a registry."""
    path = folder / "invoke.yaml"
    text, former = path.read_text(encoding="utf-8"), f"  {environment}:\n    target: docker\n"
    assert former in text, f"{path} has no {environment} on Docker"
    settings = f"target: kubernetes\n    contexts: [{', '.join(contexts)}]\n    registry: {registry}\n"
    path.write_text(text.replace(former, f"  {environment}:\n    {settings}"), encoding="utf-8")
