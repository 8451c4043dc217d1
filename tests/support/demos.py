"""Runs of `./inv demo`, each with a temporary folder and a state folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .service import ROOT


def demo_home(folder: Path) -> dict[str, str]:
    """The variables that keep demos in a folder."""
    # Longer than the path of a socket may be, as a continuous integration's folders can be.
    temporary = folder / ("a-temporary-folder-" * 5)
    temporary.mkdir()
    return {"TMPDIR": str(temporary), "XDG_STATE_HOME": str(folder / "state"), "PYTHONUNBUFFERED": "1"}


def start(home: dict[str, str], *words: str) -> subprocess.Popen[str]:
    """Begin a demo."""
    return subprocess.Popen(
        [sys.executable, "-m", "invoke", "demo", *words],
        cwd=ROOT,
        env={**os.environ, **home},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(home: dict[str, str], *words: str) -> tuple[int, str]:
    """The exit status of a demo, and all that it says."""
    process = start(home, *words)
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def left(home: dict[str, str]) -> list[str]:
    """What demos have left in their folder and in the state."""
    folders = [*Path(home["TMPDIR"]).glob("*demo*/*"), *Path(home["XDG_STATE_HOME"]).glob("copier-gin/*")]
    return [str(folder) for folder in folders]
