"""Secrets of a release are files in memory, for its user alone, and are found nowhere else whatever happens."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service_tasks.engine.config.secret_file import secret_file

from ..config.identities import as_text, make_key
from ..config.test_values_byte_for_byte import AWKWARD
from ..support.databases import container
from ..support.secrets_in_git import keep_in_git, set_secret
from ..support.service import Service, docker
from ..support.strikes import history
from ..support.waiting import until

pytestmark = pytest.mark.slow
CANARY = "canary-of-the-first-release"
NEXT = "canary-of-the-second-release"
KEEPER = "secret-keeper"

OF_AN_ENVIRONMENT = (
    ("deploy", "--set=TRUSTED_PROXIES=nobody"),
    ("deploy", "--plan", "--set=LOG_LEVEL=warn"),
    ("--dry", "deploy", "--set=LOG_LEVEL=warn"),
    ("rollback", "--plan"),
    ("rollback",),
    ("status", "--json"),
    ("status",),
    ("history", "--json"),
    ("history",),
    ("health",),
    ("logs",),
    ("exec", "--no-such-option"),
    ("doctor",),
    ("build",),
    ("maintenance", "on"),
    ("maintenance", "off"),
    ("up",),
    ("env.show",),
    ("env.check", "--json"),
    ("env.fix",),
    ("secrets.check", "--json"),
    ("secrets.rotate",),
    ("secrets.edit",),
    ("drill.redeploy", "--seconds=1"),
)
"""Tasks as they are called, some of which fail."""


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def target(request: pytest.FixtureRequest) -> str:
    """Each target in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def service(target: str, make_service: Callable[..., Service]) -> Service:
    """A service whose secrets are in git, encrypted; it serves a release with the first canary."""
    made = make_service(target, database={"docker": "postgres", "process": "sqlite"}[target], auth="jwt")
    made.env["EDITOR"] = "true"
    keep_in_git(
        made, AUTH_DEV_KEY=CANARY, **({"DATABASE_PASSWORD": f"{CANARY}-database"} if target == "docker" else {})
    )
    made.commit("Keep secrets")
    made.deploy()
    return made


def files_in(name: str, folder: str) -> dict[str, tarfile.TarInfo]:
    """The files below a folder of a container, without its own name."""
    data = subprocess.run(["docker", "cp", f"{name}:{folder}", "-"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name.partition("/")[2]: member for member in archive.getmembers() if member.isfile()}


def handed_over(service: Service) -> dict[str, bytes]:
    """The files that the release which serves was given, as they are in the container or in the process's folder."""
    release = service.status()["release"]["id"]
    if docker("volume", "inspect", f"{service.folder.name}-staging_secrets-memory").returncode:
        return {path.name: path.read_bytes() for path in memory_of(service).glob(f"*/{release}/*")}
    place = f"{container(service, KEEPER)}:/run/secrets/{release}"
    data = subprocess.run(["docker", "cp", place, "-"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        opened = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() for name, file in opened.items() if file}


def own_key(service: Service) -> str:
    """The key of the release that serves."""
    return handed_over(service)["AUTH_DEV_KEY"].decode()


def memory_of(service: Service) -> Path:
    """Where this machine has the secrets of processes."""
    return Path("/dev/shm") / f"copier-gin-{os.getuid()}"


def processes() -> Iterator[tuple[Path, bytes]]:
    """What is told of every process of this machine: its command line and its environment."""
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield path / name, (path / name).read_bytes()


def on_disk(*folders: Path) -> list[str]:
    """The files of some folders that have a canary, without what is mounted there."""
    found = ["find", *map(str, folders), "-xdev", "-type", "f", "-exec", "grep", "-lF", "canary-of-the", "{}", "+"]
    return subprocess.run(found, capture_output=True, text=True, check=False).stdout.split()


def of_engine(service: Service) -> list[str]:
    """All that the engine tells of a service, its images with all of their layers included."""
    label = f"label=copier-gin.service={service.folder.name}"
    containers = docker("ps", "--all", "--quiet", "--filter", label).stdout.split()
    images = sorted(set(docker("image", "ls", "--quiet", "--filter", label).stdout.split()))
    volumes = docker("volume", "ls", "--quiet", "--filter", label).stdout.split()
    told = [docker("inspect", *containers, *images).stdout, docker("volume", "inspect", *volumes).stdout]
    told += [docker("logs", name).stdout + docker("logs", name).stderr for name in containers]
    told += [docker("history", "--no-trunc", image).stdout for image in images]
    saved = subprocess.run(["docker", "save", *images], capture_output=True, check=True).stdout
    return [*told, saved.decode(errors="replace")]


def test_nothing_secret_is_found_elsewhere_after_a_deploy_a_failure_a_rollback_and_a_plan(
    service: Service, target: str, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    said = [service.deploy(f"--events={events}", "--set=LOG_LEVEL=debug")]
    said += [service.invoke(*words, "--env=staging") for words in OF_AN_ENVIRONMENT]
    said += [service.invoke(*words) for words in (("env.diff", "dev", "staging"), ("env.check", "--history"))]
    texts = [events.read_text(), *(each.stdout + each.stderr for each in said)]
    disks = [service.state, service.folder]
    if target == "docker":
        texts += of_engine(service)
        root = Path(docker("info", "--format", "{{.DockerRootDir}}").stdout.strip())
        disks += [root / "volumes", root / "containers"]

    assert said[1].returncode == 5, said[1].stderr
    assert [text[:200] for text in texts if "canary-of-the" in text] == []
    assert [path for path, data in processes() if b"canary-of-the" in data] == []
    assert on_disk(*disks) == []


def test_the_files_are_in_memory_and_for_the_user_of_the_service_alone(service: Service, target: str) -> None:
    release = service.status()["release"]["id"]
    if target == "process":
        (file,) = memory_of(service).glob(f"*/{release}/AUTH_DEV_KEY")
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o400, 0o700)
        return
    files = files_in(container(service, KEEPER), "/run/secrets")
    ours = {name: member for name, member in files.items() if name.startswith(f"{release}/")}
    assert {name.partition("/")[2] for name in ours} == {"AUTH_DEV_KEY", "DATABASE_PASSWORD"}
    assert {(member.mode, member.uid) for member in ours.values()} == {(0o400, 65532)}
    volume = json.loads(docker("volume", "inspect", f"{service.folder.name}-staging_secrets-memory").stdout)[0]
    assert volume["Options"]["type"] == "tmpfs"
    mounts = json.loads(docker("inspect", container(service, "app")).stdout)[0]["Mounts"]
    assert [(each["Name"], each["RW"]) for each in mounts if each["Destination"] == "/run/secrets"] == [
        (volume["Name"], False)
    ]


@pytest.mark.docker
def test_a_crashed_service_and_a_keeper_that_was_killed_find_their_secrets_again(service: Service, target: str) -> None:
    if target == "process":
        pytest.skip("the engine brings containers back, and nothing processes")
    name = container(service, "app")

    def restarts(of: str) -> int:
        return int(docker("inspect", "--format", "{{.RestartCount}}", of).stdout)

    for victim in (KEEPER, "app"):
        crashed = container(service, victim)
        before = restarts(crashed)
        os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", crashed).stdout), signal.SIGKILL)
        until(lambda crashed=crashed, before=before: restarts(crashed) > before, "it does not come back")  # type: ignore[misc]

    until(lambda: service.get("/readyz").status == 200, lambda: docker("logs", "--tail=5", name).stderr)
    assert own_key(service) == CANARY


def test_a_changed_secret_makes_a_release_and_a_rollback_brings_the_former_one_back(service: Service) -> None:
    before = service.status()["release"]["id"]
    set_secret(service, "AUTH_DEV_KEY", NEXT)
    planned = service.invoke("deploy", "--env=staging", "--plan")
    service.deploy()

    assert "AUTH_DEV_KEY" in planned.stdout
    assert service.status()["release"]["id"] != before
    assert own_key(service) == NEXT
    changed = service.status()["configuration"]
    assert service.invoke("rollback", "--env=staging").returncode == 0
    assert own_key(service) == CANARY
    assert service.status()["configuration"]["id"] != changed["id"]


def test_any_value_reaches_the_service_byte_for_byte(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {f"V{number}": value for number, value in enumerate(AWKWARD)}
    described = "".join(f"\n# @sensitive\n{name}=\n" for name in values)
    service.edit(".env.example", "\n# ---\n# The stack", f"{described}\n# ---\n# The stack")
    monkeypatch.setenv("SECRETS_IDENTITY", service.env["SECRETS_IDENTITY"])
    file = secret_file(service.folder, "staging")
    file.save(file.text() + as_text(values), file.values())

    service.deploy()

    found = handed_over(service)
    # As the service reads a file: without one line end.
    read = {name: found[name].decode().removesuffix("\n").removesuffix("\r") for name in values}
    assert read == values


def test_status_tells_since_when_each_secret_has_its_value(service: Service) -> None:
    names = service.folder / "secrets" / "staging.names"
    names.write_text(re.sub(r"(AUTH_DEV_KEY) \S+", r"\1 2020-01-02", names.read_text()))
    service.deploy("--set=LOG_LEVEL=warn")

    secrets = service.status()["configuration"]["secrets"]
    assert secrets.pop("AUTH_DEV_KEY") == "2020-01-02"
    assert all(day > "2026" for day in secrets.values())
    assert "the oldest since 2020-01-02: AUTH_DEV_KEY" in service.invoke("status", "--env=staging").stdout


def test_a_look_at_what_runs_and_a_way_back_need_no_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(service.env, "SECRETS_IDENTITY", make_key()[0])

    for words in (("status",), ("logs",), ("history",), ("health",), ("rollback", f"--to={last_but_one(service)}")):
        done = service.invoke(*words, "--env=staging")
        assert done.returncode == 0, done.stdout + done.stderr
    serving = service.status()["release"]
    refused = service.invoke("deploy", "--env=staging")
    assert refused.returncode == 2
    assert service.status()["release"] == serving
    assert "no identity that is here opens secrets/staging.age" in refused.stderr


def last_but_one(service: Service) -> str:
    """A kept release that does not serve."""
    serving = service.status()["release"]["id"]
    done = [each["release"]["id"] for each in history(service) if each["outcome"] == "done"]
    return next(str(release) for release in done if release != serving)


def test_secrets_of_releases_that_are_gone_are_forgotten(service: Service, target: str) -> None:
    for level in ("debug", "info", "warn", "error", "debug", "info", "warn"):
        service.deploy(f"--set=LOG_LEVEL={level}")

    if target == "process":
        ours = {each["release"]["id"] for each in history(service)}
        assert 0 < len([path for path in memory_of(service).glob("*/*") if path.name in ours]) <= 6
        return
    keeper = container(service, KEEPER)
    in_memory = {name.partition("/")[0] for name in files_in(keeper, "/run/secrets")}
    kept = {Path(name).stem for name in files_in(keeper, "/var/lib/secrets/releases")} - {"database"}
    assert in_memory == kept
    assert len(kept) <= 6
