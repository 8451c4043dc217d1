"""Stand-ins for base images on machines that reach no registry: built from Debian packages, kept in the local engine.

One `debootstrap` is shared by all; each image is a small Dockerfile in tests/images/<name>/. Every image carries the
hash of its recipe as a label, so one that is there and current is not built again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .kafka_jars import KAFKA, kafka_jars

PREFIX = "copier-gin-stand-in/"
LABEL = "copier-gin.stand-in"
# Not by the label: what is built on a stand-in inherits that.
LIST = ("docker", "image", "ls", "--filter", f"reference={PREFIX}*", "--filter", "dangling=false")
RELEASE = "bookworm"
BASE = f"{PREFIX}debian:{RELEASE}"
PACKAGES = "ca-certificates,tzdata"
EMPTIED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# What a container needs to reach the mirror and the Go proxy from where this machine does.
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
GO_VARIABLES = ("GOPROXY", "GOSUMDB")

# The settings of the template's .env.example, and the folder in tests/images/ and the tag of what stands for each.
SETTINGS = {
    "GO_IMAGE": "golang",
    "EDGE_IMAGE": "haproxy:3.2",
    "POSTGRES_IMAGE": "postgres:17",
    "MYSQL_IMAGE": "mysql:8.4",
    "REDIS_IMAGE": "redis:8",
    "KAFKA_IMAGE": f"kafka:{KAFKA}",
}
# What RUNTIME_IMAGE may be set to besides `scratch`, by the answer to the question `runtime`.
RUNTIMES = {"alpine": "alpine:3.22", "distroless": "distroless:nonroot"}
# What the documentation's examples add to a stack, by the variable that they give it.
EXAMPLES = {"CADDY_IMAGE": "caddy:2"}

Log = Callable[[str], None]


class StandInError(Exception):
    """Why the stand-ins cannot be built, and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Recipe:
    """One image: what it is called, where its Dockerfile is and all that its content depends on."""

    image: str
    folder: Path
    digest: str
    arguments: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, Path] = field(default_factory=dict)


def stand_ins_present() -> dict[str, str]:
    """The settings for which the engine already holds a stand-in; empty without an engine."""
    return _pick(SETTINGS, _names_present())


def runtimes_present() -> dict[str, str]:
    """The stand-ins that the engine holds for RUNTIME_IMAGE, by the answer to the question `runtime`."""
    return _pick(RUNTIMES, _names_present())


def examples_present() -> dict[str, str]:
    """The stand-ins that the engine holds for the images of the documentation's examples, by their variables."""
    return _pick(EXAMPLES, _names_present())


def _names_present() -> list[str]:
    listing = _run(*LIST, "--format", "{{.Repository}}:{{.Tag}}")
    return listing.stdout.split() if listing.returncode == 0 else []


def _pick(wanted: dict[str, str], names: list[str]) -> dict[str, str]:
    """The newest name for each key; a wanted name without a tag matches any tag."""
    found = {key: [name for name in names if f"{name}:".startswith(f"{PREFIX}{want}:")] for key, want in wanted.items()}
    return {key: max(matches, key=_tag_order) for key, matches in found.items() if matches}


def _tag_order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def build_stand_ins(root: Path, log: Log) -> dict[str, str]:
    """Build every stand-in that is missing or out of date; returns the image of each setting.

    `root` is the project's root. Two calls at once only do the work twice. Raises StandInError.
    """
    started = time.monotonic()
    current = _engine_recipes()
    trusted = CERTIFICATES.read_text(encoding="utf-8", errors="replace") if CERTIFICATES.is_file() else ""
    base_digest = _digest(RELEASE, PACKAGES, *EMPTIED, trusted)
    recipes = _recipes(root / "tests" / "images", base_digest)
    outdated = [recipe for recipe in recipes if current.get(recipe.image) != recipe.digest]
    if outdated and current.get(BASE) != base_digest:
        _build_base(base_digest, log)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(lambda recipe: _build(recipe, log), outdated):
            pass
    log(f"stand-ins: {len(outdated)} built, {len(recipes) - len(outdated)} current, {_seconds(started)}")
    return _pick(SETTINGS, [recipe.image for recipe in recipes])


def _engine_recipes() -> dict[str, str]:
    """The stand-ins in the engine and the digest of the recipe that each was built from."""
    listing = _run(*LIST, "--format", "{{.Repository}}:{{.Tag}}")
    if listing.returncode != 0:
        raise StandInError(f"No Docker engine answers: {_last_lines(listing.stderr, 1)}\nStart one, then try again.")
    images = listing.stdout.split()
    if not images:
        return {}
    inspected = _run("docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', *images)
    return dict(zip(images, inspected.stdout.split(), strict=True)) if inspected.returncode == 0 else {}


def _recipes(images: Path, base_digest: str) -> list[Recipe]:
    """The recipes, the slowest first."""
    go_root, go_version = _go()
    go_arguments = {name: os.environ[name] for name in GO_VARIABLES if os.environ.get(name)}
    minor = ".".join(go_version.removeprefix("go").split(".")[:2])

    def recipe(name: str, *inputs: str, arguments: dict[str, str], contexts: dict[str, Path]) -> Recipe:
        folder = images / name.partition(":")[0]
        if not (folder / "Dockerfile").is_file():
            raise StandInError(f"{folder / 'Dockerfile'} is missing: run this from a whole checkout of the project.")
        files = [file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())]
        digest = _digest(base_digest, *files, *inputs, *arguments.values())
        return Recipe(PREFIX + name, folder, digest, arguments, contexts)

    stores = [SETTINGS["POSTGRES_IMAGE"], SETTINGS["MYSQL_IMAGE"], SETTINGS["REDIS_IMAGE"]]
    plain = [*stores, SETTINGS["EDGE_IMAGE"], *EXAMPLES.values(), *RUNTIMES.values()]
    return [
        recipe(f"golang:{minor}", go_version, arguments=go_arguments, contexts={"goroot": go_root}),
        recipe(SETTINGS["KAFKA_IMAGE"], KAFKA, arguments={}, contexts={"jars": _kafka()}),
        *(recipe(name, arguments={}, contexts={}) for name in plain),
    ]


def _kafka() -> Path:
    """Where Kafka's jars are: Debian has none."""
    _install("maven", "mvn")
    try:
        return kafka_jars()
    except RuntimeError as error:
        raise StandInError(str(error)) from error


def _go() -> tuple[Path, str]:
    """Where this machine's Go is and its version, as in go1.26.8."""
    if not shutil.which("go"):
        raise StandInError("Go is missing: the builder image gets this machine's own. Put `go` on the PATH.")
    answer = _run("go", "env", "GOROOT", "GOVERSION", environment={"GOTOOLCHAIN": "local"})
    if answer.returncode != 0:
        raise StandInError(f"`go env` fails: {_last_lines(answer.stderr, 3)}")
    go_root, version = answer.stdout.splitlines()
    return Path(go_root), version


def _build(recipe: Recipe, log: Log) -> None:
    started = time.monotonic()
    proxies = {name: os.environ[name] for name in PROXY_VARIABLES if os.environ.get(name)}
    arguments = {"BASE": BASE, **proxies, **recipe.arguments}
    options = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    options += [part for name, path in recipe.contexts.items() for part in ("--build-context", f"{name}={path}")]
    labels = ["--label", f"{LABEL}={recipe.digest}"]
    done = _run(
        "docker", "buildx", "build", "--load", "--progress=plain", "--tag", recipe.image, *labels, *options,
        str(recipe.folder),
    )  # fmt: skip
    if done.returncode != 0:
        raise StandInError(f"{recipe.image} does not build:\n{_last_lines(done.stderr, 15)}")
    log(f"{recipe.image} built in {_seconds(started)}")


def _build_base(digest: str, log: Log) -> None:
    if os.geteuid() != 0:
        raise StandInError("The stand-ins need root (debootstrap makes device files): run this as root.")
    mirror = _mirror()
    if not mirror and _run("apt-get", "update", "-qq").returncode == 0:  # a new machine has no package lists
        mirror = _mirror()
    if not mirror:
        raise StandInError(
            "The stand-ins are built from Debian packages, but apt-get names no Debian mirror here: run this on Debian."
        )
    _install("debootstrap", "debootstrap")
    started = time.monotonic()
    log(f"{BASE}: debootstrap from {mirror} (about 45 s)…")
    with tempfile.TemporaryDirectory(prefix="stand-ins-", dir="/var/tmp") as scratch:
        tree = Path(scratch) / "tree"
        done = _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(tree), mirror)
        if done.returncode != 0:
            raise StandInError(
                f"debootstrap fails; is the mirror {mirror} within reach?\n{_last_lines(done.stdout + done.stderr, 8)}"
            )
        _trim(tree)
        _import(tree, digest)
    log(f"{BASE} built in {_seconds(started)}")


def _install(package: str, program: str) -> None:
    if shutil.which(program):
        return
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
    done = _run(*install)
    if done.returncode != 0 and _run("apt-get", "update", "-qq").returncode == 0:
        done = _run(*install)
    if done.returncode != 0:
        raise StandInError(f"{package} cannot be installed:\n{_last_lines(done.stderr, 5)}")


def _trim(tree: Path) -> None:
    """Leave out what only costs size, and trust the authorities that this machine trusts."""
    for folder in EMPTIED:
        shutil.rmtree(tree / folder)
        (tree / folder).mkdir()
    if CERTIFICATES.is_file():
        shutil.copyfile(CERTIFICATES, tree / CERTIFICATES.relative_to("/"))


def _import(tree: Path, digest: str) -> None:
    command = ["docker", "import", "--change", f"LABEL {LABEL}={digest}", "--change", 'CMD ["bash"]', "-", BASE]
    with subprocess.Popen(["tar", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(command, stdin=tar.stdout, capture_output=True, text=True, check=False)
    if done.returncode != 0 or tar.returncode != 0:
        raise StandInError(f"The engine does not take the base image: {_last_lines(done.stderr, 3)}")


def _mirror() -> str:
    """The Debian mirror that this machine is set up for, with its URI as apt gives it; empty when apt knows none."""
    fields = "$(REPO_URI) $(COMPONENT) $(RELEASE)"
    targets = _run("apt-get", "indextargets", "--format", fields, "Created-By: Packages").stdout.splitlines()
    rows = [row.split() for row in targets if len(row.split()) == 3]
    whole = [uri for uri, component, release in rows if component == "main" and "-" not in release]
    return next((uri for uri in whole if uri.rstrip("/").endswith("/debian")), next(iter(whole), ""))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _seconds(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def _last_lines(text: str, count: int) -> str:
    return "\n".join(text.strip().splitlines()[-count:]) or "no message"


def _run(*command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run to the end without input; the caller looks at the status. A missing program is status 127."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
        )  # fmt: skip
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: not found")
