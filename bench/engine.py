"""What the engine knows of images, by the docker command."""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from .service import BenchError


def docker(*words: str) -> str:
    """What the docker command prints; BenchError where it fails."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(done.stderr.strip())
    return done.stdout.strip()


def images_of(service: str) -> list[str]:
    """The ids of the images that a service's tasks have made, the newest first."""
    listed = docker("image", "ls", "--quiet", "--no-trunc", "--filter", f"label=copier-gin.service={service}").split()
    built = [docker("image", "inspect", "--format={{.Metadata.LastTagTime}} {{.Id}}", image) for image in set(listed)]
    if not built:
        raise BenchError(f"{service} has no image")
    return [line.split()[-1] for line in sorted(built, reverse=True)]


def changed_layers(newest: str, former: str) -> dict[str, int]:
    """What an image has that the former one has not: layers, and their bytes after gzip, as a registry is sent them."""
    known = set(_layers(former))
    fresh = [layer for layer in _layers(newest) if layer not in known]
    return {"layers": len(fresh), "of": len(_layers(newest)), "compressed_bytes": _compressed(newest, fresh)}


def _layers(image: str) -> list[str]:
    layers: list[str] = json.loads(docker("image", "inspect", "--format={{json .RootFS.Layers}}", image))
    return layers


def _compressed(image: str, wanted: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        docker("save", "--output", str(archive), image)
        with tarfile.open(archive) as tar:
            manifest: Any = json.loads(_member(tar, "manifest.json"))[0]
            paths = dict(zip(_layers(image), manifest["Layers"], strict=True))
            return sum(len(gzip.compress(_member(tar, paths[layer]), compresslevel=6)) for layer in wanted)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise BenchError(f"{name} is not in the saved image")
    return file.read()
