"""The pinned Python packages: requirements.txt made from requirements.in, with a hash for every file.

uv resolves them for all Python versions and machines at once. Its own lock file would name a package registry's host,
so the result is a plain requirements file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST_PYTHON = "3.10"
UV = "uv==0.13.9"
# The root's packages are those of the services' tasks and more, so the services' come first.
FILES = ("template/tasks/requirements", "requirements")


def pin(root: Path, *, upgrade: bool = False) -> list[str]:
    """Write both requirements.txt; with `upgrade` take the newest versions. Gives the files that have new content.

    Raises `subprocess.CalledProcessError` where uv cannot be had or finds no versions that fit together.
    """
    with tempfile.TemporaryDirectory(prefix="pins-") as scratch:
        uv = shutil.which("uv") or _install_uv(Path(scratch))
        return [f"{name}.txt" for name in FILES if _compile(uv, root, name, upgrade)]


def _install_uv(folder: Path) -> str:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(folder), UV], check=True)
    return str(folder / "bin" / "uv")


def _compile(uv: str, root: Path, name: str, upgrade: bool) -> bool:
    target = root / f"{name}.txt"
    before = target.read_bytes()
    options = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--quiet"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", *(["--upgrade"] if upgrade else [])]
    # Wheels of this machine alone would be hashed too.
    env = {key: value for key, value in os.environ.items() if key not in ("PIP_FIND_LINKS", "UV_FIND_LINKS")}
    command = [uv, "pip", "compile", *options, "--output-file", f"{name}.txt", f"{name}.in"]
    subprocess.run(command, cwd=root, env=env, check=True)
    return target.read_bytes() != before
