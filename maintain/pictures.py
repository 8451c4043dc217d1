"""The pictures of the documentation, made from what a real deploy prints: `.venv/bin/python -m maintain.pictures`.

It deploys the example service twice and rolls it back, takes all of it down, and writes docs/pictures/deploy.svg.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from service_tasks.engine.docker.engine import PROJECT_LABEL

from .base_images import choose
from .example import make_service
from .rendering import ROOT

PICTURE = ROOT / "docs" / "pictures" / "deploy.svg"
ENV = "staging"
PROJECT = f"orders-{ENV}"
SHOWN = (("deploy", f"--env={ENV}"), ("rollback", f"--env={ENV}"))
COLUMNS = 88
FONT_FILES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""What makes a viewer fetch fonts from elsewhere; without it the viewer's own fixed-width font is used."""


def main() -> int:
    """Make the picture; gives the exit status."""
    choice = choose("docker")
    if _exists(PROJECT):
        print(f"error: the stack {PROJECT} is there already; take it down first", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as base:
        folder, state = Path(base) / "orders", Path(base) / "state"
        make_service(folder, choice, {})
        try:
            _run(folder, state, "deploy", f"--env={ENV}")
            _change(folder)
            shown = [(words, _run(folder, state, *words)) for words in SHOWN]
        finally:
            _run(folder, state, "down", f"--env={ENV}", "--volumes", "--yes")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(shown), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
    return 0


def draw(shown: Sequence[tuple[Sequence[str], str]]) -> str:
    """An SVG of commands with what each printed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for number, (words, output) in enumerate(shown):
        if number:
            console.print()
        console.print(Text(f"$ ./inv {' '.join(words)}", style="bold cyan"))
        for line in output.rstrip("\n").splitlines():
            console.print(_styled(line), soft_wrap=True)
    svg = console.export_svg(title="orders", unique_id="deploy")
    return "\n".join(line.rstrip() for line in FONT_FILES.sub("", svg).splitlines()) + "\n"


def _styled(line: str) -> Text:
    """A line as the tasks paint it on a terminal."""
    text = Text(line)
    text.highlight_regex(r"^✓", "green")
    text.highlight_regex(r"^(Deploying|Rolling) .*", "bold")
    return text


def _change(folder: Path) -> None:
    """One changed line of code, committed."""
    path = folder / "internal" / "order" / "order.go"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("MaxQuantity = 10_000", "MaxQuantity = 20_000"), encoding="utf-8")
    name = ["-c", "user.name=copier-gin", "-c", "user.email=copier-gin@localhost", "-c", "commit.gpgsign=false"]
    commit = ["git", *name, "commit", "--quiet", "--all", "--message", "Take larger orders"]
    subprocess.run(commit, cwd=folder, check=True)


def _run(folder: Path, state: Path, *words: str) -> str:
    """What a task of the service prints; CalledProcessError where it fails."""
    command = [sys.executable, "-m", "invoke", "--search-root", str(folder), *words]
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _exists(project: str) -> bool:
    """Whether the engine has a container of a compose project."""
    filters = ["--filter", f"label={PROJECT_LABEL}={project}"]
    listed = subprocess.run(["docker", "ps", "--all", "--quiet", *filters], capture_output=True, text=True, check=True)
    return bool(listed.stdout.strip())


if __name__ == "__main__":
    sys.exit(main())
