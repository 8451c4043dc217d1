"""An editor on a text that must be on no disk: its file is in memory, and goes with the editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePath

from ..core.errors import Fault, MissingFault, UsageFault
from ..core.memory import is_in_memory, memory_folders

PREFIX = "copier-gin-secrets-"
WITHOUT_TRACES = {"vi": ("-n",), "vim": ("-n", "-i", "NONE"), "nvim": ("-n", "-i", "NONE")}
"""Words by which an editor keeps no swap file and no history of what was in its registers."""


def edit(text: str, name: str, check: Callable[[str], None], again: Callable[[Fault], bool]) -> str:
    """The text as somebody's editor leaves it; `check` raises a Fault where it is not right.

    Then `again` is asked whether to open it once more. Raises MissingFault where there is no memory for a file or no
    editor, and UsageFault where the editor gives up.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=memory_folder()))
    file = folder / name
    try:
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8", newline="")
        while True:
            _run_editor(file, folder)
            edited = file.read_bytes().decode(errors="replace")
            try:
                check(edited)
            except Fault as fault:
                if again(fault):
                    continue
                raise
            return edited
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory_folder() -> Path:
    """A folder in memory, without what an editor that was killed left in it; MissingFault where there is none."""
    for folder in memory_folders():
        if is_in_memory(folder):
            _clear(folder)
            return folder
    what, where = "there is no folder in memory for the editor's file", " and ".join(map(str, memory_folders()))
    raise MissingFault(what, where=where, remedy="secrets.set NAME needs none")


def _run_editor(file: Path, folder: Path) -> None:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not named and not sys.stdin.isatty():
        raise UsageFault("there is no terminal for an editor", remedy="secrets.set NAME reads from standard input")
    words = shlex.split(named or "vi")
    argv = [*words, *WITHOUT_TRACES.get(PurePath(words[0]).name, ()), str(file)]
    try:
        # Its own temporary files are in memory, too.
        status = subprocess.run(argv, env={**os.environ, "TMPDIR": str(folder)}, check=False).returncode
    except OSError as error:
        what = f"the editor {words[0]} cannot be run: {error.strerror}"
        raise MissingFault(what, remedy="name one by EDITOR, as in EDITOR=nano") from error
    if status:
        raise UsageFault(f"the editor {words[0]} ended with status {status}: nothing was changed")


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if left.stat().st_uid == os.getuid() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
