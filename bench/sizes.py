"""What is measured without traffic: images, what of them travels on a change, and how long a service takes to make."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from maintain.rendering import ROOT

from .measure import rounded
from .service import ENV, BenchError, Service, make_service, remove_images, run

DATABASES = ("none", "sqlite", "postgres")


def measure_images(base: Path, images: Mapping[str, str]) -> dict[str, int]:
    """Bytes of the image of each kind of service, as the engine counts them."""
    sizes = {}
    for database in DATABASES:
        folder = base / database
        folder.mkdir()
        service = make_service(folder, images, database=database)
        try:
            service.invoke("image", f"--env={ENV}")
            sizes[database] = int(_docker("image", "inspect", "--format={{.Size}}", _images(service)[0]))
        finally:
            remove_images(service.name)
    return sizes


def measure_changed_layers(service: Service) -> dict[str, int]:
    """What the service's newest image has that the one before has not: layers, and their bytes compressed."""
    newest, former = _images(service)[:2]
    known = set(_layers(former))
    fresh = [layer for layer in _layers(newest) if layer not in known]
    return {"layers": len(fresh), "of": len(_layers(newest)), "compressed_bytes": _compressed(newest, fresh)}


def measure_copier(base: Path, runs: int) -> float:
    """Seconds of `copier copy`, from a clone of this repository."""
    took = []
    for number in range(runs):
        folder = base / f"copied-{number}"
        command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD"]
        command += ["--data=author=A", "--data=project_name=orders", str(ROOT), str(folder)]
        took.append(run(command, base).seconds)
    return rounded(median(took))


def _images(service: Service) -> list[str]:
    """The ids of a service's images, the newest first."""
    selection = f"label=copier-gin.service={service.name}"
    listed = _docker("image", "ls", "--quiet", "--no-trunc", "--filter", selection).split()
    built = [_docker("image", "inspect", "--format={{.Metadata.LastTagTime}} {{.Id}}", image) for image in set(listed)]
    if not built:
        raise BenchError(f"{service.name} has no image")
    return [line.split()[-1] for line in sorted(built, reverse=True)]


def _layers(image: str) -> list[str]:
    layers: list[str] = json.loads(_docker("image", "inspect", "--format={{json .RootFS.Layers}}", image))
    return layers


def _compressed(image: str, wanted: list[str]) -> int:
    """The bytes of some layers after gzip, which is what a registry is sent."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        _docker("save", "--output", str(archive), image)
        with tarfile.open(archive) as tar:
            manifest: Any = json.loads(_member(tar, "manifest.json"))[0]
            paths = dict(zip(_layers(image), manifest["Layers"], strict=True))
            return sum(len(gzip.compress(_member(tar, paths[layer]), compresslevel=6)) for layer in wanted)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise BenchError(f"{name} is not in the saved image")
    return file.read()


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(done.stderr.strip())
    return done.stdout.strip()
