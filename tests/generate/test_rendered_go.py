"""The rendered service is sound Go: formatted, tidy, vetted, tested, and its builds are what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from service_tasks.engine.build.gobuild import TAGS
from service_tasks.engine.build.toolchain import STATICCHECK, require_go
from service_tasks.engine.core.runner import Runner

from ..conftest import Render
from ..support.service import ROOT, Service, git
from .checkouts import build, checkout
from .combinations import Answers, every, named, pairwise

pytestmark = pytest.mark.slow

COMPILER = any(shutil.which(name) for name in ("gcc", "clang", "cc"))
"""The race detector needs one."""
AS_BUILT = {"CGO_ENABLED": "0"}
"""What linters look at is what builds have compiled already."""
WIDEST: Answers = {
    "database": "postgres",
    "cache": "redis",
    "events": "kafka",
    "reconciler": "events",
    "guard": "rules",
    "rules_source": "file",
    "auth": "jwt",
    "tracing": "none",
    "plugins": "wasm",
    "jobs": "scheduled",
}
"""The options with most Go code, but for tracing: its modules take as long to compile as all the others."""
ANYWHERE = "-trimpath"
"""Without the folder in what is compiled, services have the packages in common that are the same in them."""


@pytest.fixture(scope="module")
def go() -> str:
    """The Go of this machine, or the one that the tasks would install."""
    return require_go(Runner(ROOT, False, sys.stderr))


@pytest.fixture(scope="module", params=pairwise(), ids=named)
def service(request: pytest.FixtureRequest, rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service for every pair of answers, in a repository with one commit."""
    return checkout(rendered(**request.param), tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def small(rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The service that builds quickest."""
    return checkout(rendered(database="none"), tmp_path_factory.mktemp("small"))


def run(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and capture what it says."""
    return subprocess.run(
        words, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=900
    )


def start(service: Service, env: str, *words: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run the binary of an environment with nothing but these variables."""
    command = [str(service.folder / "dist" / f"orders-{env}"), *words]
    return subprocess.run(
        command, cwd=service.folder, env=values, capture_output=True, text=True, check=False, timeout=30
    )


# --- The source -----------------------------------------------------------------------------------


def require_formatted(service: Service, go: str) -> None:
    """Fail where gofmt would change a file."""
    gofmt = str(Path(go).with_name("gofmt")) if os.sep in go else "gofmt"
    done = run(service.folder, gofmt, "-l", ".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def require_tidy(service: Service, go: str) -> None:
    """Fail where go.mod or go.sum have too much or too little."""
    done = run(service.folder, go, "mod", "tidy", "-diff")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def require_vetted(service: Service, go: str) -> None:
    """Fail where vet complains."""
    done = run(service.folder, go, "vet", ANYWHERE, "-tags", TAGS, "./...", **AS_BUILT)
    assert done.returncode == 0, done.stderr


def require_checked(service: Service, go: str) -> None:
    """Fail where staticcheck complains."""
    done = run(service.folder, go, "run", STATICCHECK, "-tags", TAGS, "./...", **AS_BUILT, GOFLAGS=ANYWHERE)
    assert done.returncode == 0, done.stdout + done.stderr


def of_packages_that_failed(said: str) -> str:
    """What `go test -v` said of the packages that did not pass."""
    packages = re.split(r"^((?:ok|FAIL|\?) *\t.*)\n", said, flags=re.MULTILINE)
    failed = [text + end for text, end in zip(packages[::2], packages[1::2], strict=False) if end.startswith("FAIL")]
    return "\n".join(failed)[-20_000:]


def run_tests(service: Service, go: str, **env: str) -> None:
    """Run its tests; all have to pass, and with these variables none may be skipped."""
    race = ["-race"] if COMPILER else []
    done = run(
        service.folder,
        go,
        "test",
        ANYWHERE,
        *race,
        "-v",
        "-tags",
        TAGS,
        "./...",
        CGO_ENABLED="1" if COMPILER else "0",
        **env,
    )
    assert done.returncode == 0, of_packages_that_failed(done.stdout) + done.stderr
    assert "--- PASS" in done.stdout
    skipped = [line for line in done.stdout.splitlines() if "--- SKIP" in line]
    assert not skipped or "TEST_DATABASE_URL" not in env, skipped


@pytest.mark.parametrize("require", [require_formatted, require_tidy, require_vetted, require_checked])
def test_tools_of_go_have_no_complaints(service: Service, go: str, require: Callable[[Service, str], None]) -> None:
    require(service, go)


@pytest.mark.full
@pytest.mark.parametrize("answers", every(), ids=named)
def test_every_combination_is_sound(rendered: Render, tmp_path: Path, go: str, answers: Answers) -> None:
    service = checkout(rendered(**answers), tmp_path)
    for require in (require_formatted, require_tidy, require_vetted, require_checked, run_tests):
        require(service, go)


def test_its_own_tests_pass_without_anything_else(service: Service, go: str) -> None:
    run_tests(service, go)


@pytest.mark.docker
@pytest.mark.parametrize("database", ["postgres", "mysql"])
def test_its_own_tests_pass_with_a_real_database_cache_and_broker(
    request: pytest.FixtureRequest, rendered: Render, tmp_path: Path, go: str, redis: str, kafka: str, database: str
) -> None:
    widest = checkout(rendered(**{**WIDEST, "database": database}), tmp_path)
    require_formatted(widest, go)
    url = str(request.getfixturevalue(database))
    run_tests(widest, go, TEST_DATABASE_URL=url, TEST_REDIS_URL=redis, TEST_KAFKA_URL=kafka)


# --- Its builds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers", [WIDEST, *(pytest.param(answers, marks=pytest.mark.full) for answers in pairwise())], ids=named
)
def test_it_builds_for_windows_and_for_macos(rendered: Render, tmp_path: Path, answers: Answers) -> None:
    service = checkout(rendered(**answers), tmp_path)
    build(service, "--env=prod", "--platform=windows/386")
    build(service, "--env=prod", "--platform=darwin/arm64")

    windows = (service.folder / "dist" / "orders-prod-windows-386.exe").read_bytes()
    header = struct.unpack_from("<I", windows, 0x3C)[0]
    assert windows[:2] == b"MZ"
    assert struct.unpack_from("<4sH", windows, header) == (b"PE\0\0", 0x14C)
    macos = (service.folder / "dist" / "orders-prod-darwin-arm64").read_bytes()
    assert struct.unpack_from("<II", macos) == (0xFEEDFACF, 0x0100000C)


def test_the_same_commit_gives_the_same_bytes_wherever_it_is(small: Service, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "orders"
    git(small.folder.parent, "clone", "--quiet", str(small.folder), str(other))
    build(small, "--env=staging")
    first = (small.folder / "dist" / "orders-staging").read_bytes()

    build(small, "--env=staging")
    build(Service(other, tmp_path / "state"), "--env=staging")

    assert (small.folder / "dist" / "orders-staging").read_bytes() == first
    assert (other / "dist" / "orders-staging").read_bytes() == first


def test_a_tag_shows_up_as_the_version(small: Service) -> None:
    git(small.folder, "tag", "v1.2.3")

    build(small, "--env=staging")
    git(small.folder, "tag", "--delete", "v1.2.3")

    assert json.loads(start(small, "staging", "version").stdout)["version"] == "v1.2.3"


def test_a_binary_says_what_was_built_into_it(small: Service) -> None:
    build(small, "--env=staging")

    head = git(small.folder, "rev-parse", "HEAD").strip()
    said = json.loads(start(small, "staging", "version").stdout)
    committed = int(git(small.folder, "log", "-1", "--format=%ct"))
    assert {name: said[name] for name in ("service", "env", "commit")} == {
        "service": "orders",
        "env": "staging",
        "commit": head,
    }
    assert head.startswith(said["version"])
    assert said["built_at"] == datetime.fromtimestamp(committed, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_all_builds_every_environment(small: Service) -> None:
    build(small, "--all")

    for env in ("dev", "staging", "prod"):
        assert json.loads(start(small, env, "version").stdout)["env"] == env


def test_a_build_for_development_can_be_debugged_and_others_are_stripped(small: Service) -> None:
    build(small, "--all")
    binaries = {env: (small.folder / "dist" / f"orders-{env}").read_bytes() for env in ("dev", "staging")}

    assert b".debug_info" in binaries["dev"]
    assert b".debug_info" not in binaries["staging"]
    assert len(binaries["dev"]) > len(binaries["staging"])


def test_code_that_does_not_compile_exits_with_4_and_keeps_the_last_binary(small: Service) -> None:
    build(small, "--env=staging")
    before = (small.folder / "dist" / "orders-staging").read_bytes()
    broken = small.folder / "cmd" / "orders" / "broken.go"
    broken.write_text("package main\n\nfunc {\n")

    done = small.invoke("build", "--env=staging")
    broken.unlink()

    assert done.returncode == 4
    assert "broken.go:3" in done.stderr
    assert (small.folder / "dist" / "orders-staging").read_bytes() == before
    assert [path.name for path in (small.folder / "dist").iterdir() if path.name.startswith(".orders")] == []


def test_a_binary_that_does_not_report_its_values_is_refused(small: Service) -> None:
    main = small.folder / "cmd" / "orders" / "main.go"
    text = main.read_text()
    main.write_text(text.replace("Version: Version", 'Version: "mine"'))

    done = small.invoke("build", "--env=staging")
    main.write_text(text)

    assert done.returncode == 4
    assert "does not report what was built into it" in done.stderr


def test_a_binary_starts_in_its_own_environment_only(small: Service) -> None:
    build(small, "--env=staging")

    done = start(small, "staging", APP_ENV="prod", HTTP_PORT="1")

    assert done.returncode == 2
    assert "prod" in done.stderr
    assert "staging" in done.stderr


def test_all_faults_of_the_configuration_are_told_at_once(small: Service) -> None:
    build(small, "--env=staging")

    done = start(small, "staging", HTTP_PORT="http", ADMIN_PORT="-1", LOG_LEVEL="loud", DRAIN_LEAD="soon")

    assert done.returncode == 2
    for name, value in {"HTTP_PORT": "http", "ADMIN_PORT": "-1", "LOG_LEVEL": "loud", "DRAIN_LEAD": "soon"}.items():
        line = next(line for line in done.stderr.splitlines() if name in line)
        assert value in line
        assert "expected" in line
    assert "panic" not in done.stderr
