"""An image's way to another engine: straight, and only the layers that are not there yet, or through a registry.

An engine that loads an image takes the layers which it has already from its own store and reads only the others
(`docker load` of Moby looks for a chain of layers before it opens the layer's file), so the archive may do without the
ones that the other engine is known to have.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from ..core.errors import DeployFault, MissingFault
from .engine import Engine

if TYPE_CHECKING:
    from docker.models.images import Image

CHUNK = 1024 * 1024
COMPRESSION = 6
"""Of gzip: higher levels take longer than they save on a binary over 100 Mbit/s and more."""
Progress = Callable[[str], None]


def send(image: str, source: Engine, tag: str, destination: Engine, progress: Progress) -> tuple[str, int]:
    """Bring an image to another engine under `tag`: its id there, and the bytes that were sent.

    Raises DeployFault where the other engine does not take it.
    """
    if destination.image_exists(image):
        destination.client.images.get(image).tag(tag)
        return image, 0
    known = _known_layers(source.client.images.get(image), _images_like(destination, tag))
    with tempfile.TemporaryFile() as archive:
        _save(source, tag, known, archive)
        size = archive.tell()
        archive.seek(0)
        _load(destination, _told(archive, size, progress))
    return str(destination.client.images.get(tag).id), size


def send_through(registry: str, source: Engine, tag: str, destination: Engine, progress: Progress) -> tuple[str, int]:
    """The same through a registry, with the credentials that this machine's docker login has kept.

    Raises MissingFault where the registry refuses or cannot be reached.
    """
    repository, _, version = f"{registry}/{tag}".rpartition(":")
    if not source.client.images.get(tag).tag(repository, version):
        raise DeployFault(f"the image cannot be tagged {repository}:{version}")
    pushed = source.client.api.push(repository, version, stream=True, decode=True)
    size = _followed(pushed, "pushed", registry, progress)
    _pull(registry, repository, version, destination, progress)
    there = destination.client.images.get(f"{repository}:{version}")
    there.tag(tag)
    return str(there.id), size


def pull(registry: str, repository: str, digest: str, destination: Engine, progress: Progress) -> tuple[str, int]:
    """Have an engine pull an image by its digest: its id there, and the bytes that travelled.

    Raises MissingFault where the registry refuses or cannot be reached.
    """
    size = _pull(registry, repository, digest, destination, progress)
    return str(destination.client.images.get(f"{repository}@{digest}").id), size


def shared_layers(wanted: Sequence[str], others: Iterable[Sequence[str]]) -> int:
    """How many of an image's first layers some other image begins with: a layer counts on top of the same ones only."""
    return max((_length_of_same_start(wanted, other) for other in others), default=0)


def _length_of_same_start(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _known_layers(image: Image, there: Iterable[Image]) -> int:
    return shared_layers(_layers(image), map(_layers, there))


def _images_like(engine: Engine, tag: str) -> list[Image]:
    """The images on an engine that are likely to share layers: those of the same service."""
    return engine.client.images.list(filters={"label": f"copier-gin.service={tag.partition(':')[0]}"})


def _layers(image: Image) -> list[str]:
    return list(image.attrs.get("RootFS", {}).get("Layers") or [])


def _save(source: Engine, tag: str, known: int, archive: IO[bytes]) -> None:
    """Write the image's archive, compressed, without the files of the first `known` layers."""
    with tempfile.TemporaryFile() as whole:
        for chunk in source.client.api.get_image(tag):
            whole.write(chunk)
        whole.seek(0)
        with (
            tarfile.open(fileobj=whole) as read,
            tarfile.open(fileobj=archive, mode="w:gz", compresslevel=COMPRESSION) as write,
        ):
            left_out = _files_of_layers(read, known)
            for member in read.getmembers():
                if member.name not in left_out:
                    write.addfile(member, read.extractfile(member) if member.isfile() else None)


def _files_of_layers(archive: tarfile.TarFile, known: int) -> set[str]:
    """The files of the first `known` layers, but for what a later layer has the same of."""
    manifest = archive.extractfile("manifest.json")
    layers: list[str] = json.load(manifest)[0]["Layers"] if manifest else []
    return set(layers[:known]) - set(layers[known:])


def _told(archive: IO[bytes], size: int, progress: Progress) -> Iterator[bytes]:
    sent = 0
    while chunk := archive.read(CHUNK):
        yield chunk
        sent += len(chunk)
        progress(f"{sent / 1e6:.1f} of {size / 1e6:.1f} MB")


def _load(destination: Engine, chunks: Iterator[bytes]) -> None:
    from docker.errors import APIError, ImageLoadError

    try:
        for line in destination.client.api.load_image(chunks, quiet=True):  # type: ignore[no-untyped-call]
            if "error" in line:
                raise DeployFault("the image cannot be loaded", details=[str(line["error"])])
    except (APIError, ImageLoadError) as error:
        raise DeployFault("the image cannot be loaded", details=[str(error)]) from error


def _pull(registry: str, repository: str, version: str, destination: Engine, progress: Progress) -> int:
    lines = destination.client.api.pull(repository, version, stream=True, decode=True)
    return _followed(lines, "pulled", registry, progress)


def _followed(lines: Iterable[dict[str, Any]], what: str, registry: str, progress: Progress) -> int:
    """Report a push or a pull; gives the bytes of the layers that travelled."""
    layers: dict[str, int] = {}
    for line in lines:
        if "error" in line:
            remedy = f"check the way to {registry}, and docker login {registry.partition('/')[0]}"
            raise MissingFault(
                f"the image cannot be {what}", where=registry, details=[str(line["error"])], remedy=remedy
            )
        detail = line.get("progressDetail") or {}
        if line.get("status") in ("Pushing", "Downloading") and detail.get("current"):
            layers[str(line.get("id"))] = int(detail["current"])
            progress(f"{sum(layers.values()) / 1e6:.1f} MB {what}")
    return sum(layers.values())
