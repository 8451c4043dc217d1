"""Renderings of the template, by Copier's API and by its command line, and what is in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import yaml

from ..support.service import ROOT

QUESTIONS: dict[str, Any] = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_")
}


def files(folder: Path) -> list[str]:
    """All files of a rendered service, but for what the tests themselves may have left there."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(folder).parts)
    )


def of_the_service(folder: Path) -> list[str]:
    """Its files without tasks/, which are the same in every service, and without the record of the answers."""
    return [name for name in files(folder) if not name.startswith("tasks/") and name != ".copier-answers.yml"]


def copier(*words: str, cwd: Path, network: bool = True) -> subprocess.CompletedProcess[str]:
    """Run copier's command line without a terminal; where the machine allows it, without a network too."""
    command = [sys.executable, "-m", "copier", *words]
    alone = ["unshare", "--net", "--map-root-user"]
    if not network and shutil.which("unshare") and not subprocess.run([*alone, "true"], capture_output=True).returncode:
        command = [*alone, *command]
    name = {f"GIT_{role}_{part}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **name, "HOME": str(cwd)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def copy_in_process(template: Path, folder: Path, answers: dict[str, Any]) -> Path:
    """Render by Copier's API, which is quicker than its command line and raises what that prints."""
    from copier import run_copy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    return folder
