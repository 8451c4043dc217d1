"""The plugins of a service: WebAssembly programs in its folder `plugins`, each with settings or none.

A folder NAME in it is one in Go, to be built; a NAME.wasm was built elsewhere. NAME.json has its settings.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = "plugins"
"""Where their sources are in a checkout, and where a program of the service looks for them beside itself."""
TARGET = {"GOOS": "wasip1", "GOARCH": "wasm"}
OPTIONS = ("-buildmode=c-shared", "-ldflags", "-s -w")
"""A program whose functions are called, and whose main is not (Go 1.24)."""
PROGRAM, SETTINGS, DIGEST = ".wasm", ".json", "digest"


def written_in_go(root: Path) -> list[str]:
    """The names of those that are to be built."""
    return sorted(path.name for path in (root / FOLDER).glob("*") if any(path.glob("*.go")))


def built(root: Path) -> Path:
    """The folder of what was built, with the settings, as the service reads it."""
    return root / "dist" / FOLDER


def collect(root: Path, names: Sequence[str]) -> None:
    """Have that folder hold what was built there by these names, what was built elsewhere, and settings; no more.

    A service without plugins has none, also where it had some once.
    """
    folder, sources = built(root), root / FOLDER
    if not sources.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        return
    kept = {f"{name}{PROGRAM}" for name in names}
    others = [path for path in sources.glob("*") if path.suffix in (PROGRAM, SETTINGS) and path.name not in kept]
    folder.mkdir(parents=True, exist_ok=True)
    for path in others:
        shutil.copyfile(path, folder / path.name)
    for path in folder.glob("[!.]*"):
        if path.name not in kept | {other.name for other in others}:
            path.unlink()


def read(folder: Path) -> dict[str, bytes]:
    """The plugins in a folder with their settings, by the names of their files."""
    programs = [path for path in sorted(folder.glob(f"[!.]*{PROGRAM}")) if path.stat().st_size]
    settings = [path.with_suffix(SETTINGS) for path in programs]
    return {path.name: path.read_bytes() for path in (*programs, *settings) if path.exists()}


def digest(files: Mapping[str, bytes]) -> str:
    """What the service calls these plugins in its log: twelve hex digits, which its own code makes in the same way."""
    found = hashlib.sha256()
    for file in sorted(name for name in files if name.endswith(PROGRAM)):
        name, program = file.removesuffix(PROGRAM), files[file]
        settings = files.get(f"{name}{SETTINGS}", b"")
        found.update(f"{name} {len(program)} {len(settings)}\n".encode() + program + settings)
    return found.hexdigest()[:12]
