"""What is measured without traffic: the images of each kind of service, and how long a service takes to make."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from maintain.rendering import ROOT

from .engine import docker, images_of
from .measure import rounded
from .service import make_service, remove_images, run

DATABASES = ("none", "sqlite", "postgres")


def measure_images(base: Path, images: Mapping[str, str]) -> dict[str, int]:
    """Bytes of the image of each kind of service for production, as the engine counts them."""
    sizes = {}
    for database in DATABASES:
        folder = base / database
        folder.mkdir()
        service = make_service(folder, images, database=database)
        try:
            service.invoke("image", "--env=prod")
            sizes[database] = int(docker("image", "inspect", "--format={{.Size}}", images_of(service.name)[0]))
        finally:
            remove_images(service.name)
    return sizes


def measure_copier(base: Path, runs: int) -> float:
    """Seconds of `copier copy`, from a clone of this repository."""
    took = []
    for number in range(runs):
        folder = base / f"copied-{number}"
        command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD"]
        command += ["--data=author=A", "--data=project_name=orders", str(ROOT), str(folder)]
        took.append(run(command, base).seconds)
    return rounded(median(took))
