"""How a build is planned: its command, what is baked in, and that no value can become an option."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from service_tasks.engine.build import plugins
from service_tasks.engine.build.gobuild import (
    build,
    compiler_flags,
    linker_flags,
    plan_build,
    plan_image_build,
    quote,
)
from service_tasks.engine.build.image import RUNTIMES, image_tag, labels, plan_image
from service_tasks.engine.build.source import BuildInfo
from service_tasks.engine.build.toolchain import find_go, this_machine
from service_tasks.engine.config.settings import Environment
from service_tasks.engine.core.errors import BuildFault, UsageFault
from service_tasks.engine.core.runner import Runner

INFO = BuildInfo("orders", "staging", "v1.2.3", "0123abc", "2026-01-02T03:04:05Z")
STAGING = Environment("staging")
DEV = Environment("dev", development=True)
ROOT = Path("/service")

needs_go = pytest.mark.skipif(not find_go(), reason="there is no Go here")

PROGRAM = """\
package main

import (
	"encoding/json"
	"os"
)

var Env, Version, Commit, BuiltAt, Other string

func main() {
	fields := map[string]string{"env": Env, "version": Version, "commit": Commit, "built_at": BuiltAt, "other": Other}
	if Other == "" {
		delete(fields, "other")
	}
	fields["service"] = "orders"
	json.NewEncoder(os.Stdout).Encode(fields)
}
"""


# --- The command ----------------------------------------------------------------------------------


def planned(environment: Environment = STAGING, platform: str = "") -> tuple[str, ...]:
    """The words of a build."""
    return plan_build("go", ROOT, environment, INFO, platform, "./cmd/orders").argv


def test_a_build_is_this_command() -> None:
    assert planned() == (
        *("go", "build", "-trimpath", "-buildvcs=false", "-tags", "nomsgpack", "-ldflags"),
        "-s -w -X main.Env=staging -X main.Version=v1.2.3 -X main.Commit=0123abc -X main.BuiltAt=2026-01-02T03:04:05Z",
        *("-o", "/service/dist/orders-staging", "./cmd/orders"),
    )


def test_four_values_can_be_built_in_and_none_of_them_is_from_the_configuration() -> None:
    named = re.findall(r"-X '?main\.(\w+)=", linker_flags(INFO, False))

    assert named == ["Env", "Version", "Commit", "BuiltAt"]
    # All that a build is told: none of it is a variable of the service.
    assert {each.name for each in fields(BuildInfo)} == {"service", "env", "version", "commit", "built_at", "baked"}


def test_a_binary_for_several_environments_has_none_built_in() -> None:
    shared = replace(INFO, baked=False)

    assert "-X main.Env= -X main.Version=v1.2.3" in linker_flags(shared, False).replace("'", "")
    assert labels(shared)["copier-gin.env"] == ""
    assert (shared.document(), shared.in_binary()["env"]) == (INFO.document(), "")


def test_a_development_build_is_for_a_debugger() -> None:
    argv = planned(DEV)

    assert argv[argv.index("-gcflags") + 1] == "all=-N -l"
    assert not argv[argv.index("-ldflags") + 1].startswith("-s -w")
    assert (compiler_flags(True), compiler_flags(False)) == ("all=-N -l", "")


def test_cgo_is_off_for_every_platform() -> None:
    for platform in ("", "windows/386", "darwin/arm64"):
        assert plan_build("go", ROOT, STAGING, INFO, platform, "./cmd/orders").env["CGO_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("platform", "env", "name"),
    [
        ("linux/amd64", {"GOOS": "linux", "GOARCH": "amd64"}, "orders-staging-linux-amd64"),
        ("linux/amd64/v3", {"GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v3"}, "orders-staging-linux-amd64-v3"),
        (
            "linux/arm64/v8.2",
            {"GOOS": "linux", "GOARCH": "arm64", "GOARM64": "v8.2"},
            "orders-staging-linux-arm64-v8.2",
        ),
        ("linux/arm/v7", {"GOOS": "linux", "GOARCH": "arm", "GOARM": "7"}, "orders-staging-linux-arm-v7"),
        ("windows/386", {"GOOS": "windows", "GOARCH": "386"}, "orders-staging-windows-386.exe"),
        ("darwin/arm64", {"GOOS": "darwin", "GOARCH": "arm64"}, "orders-staging-darwin-arm64"),
    ],
)
def test_a_platform_decides_the_variables_and_the_files_name(platform: str, env: Mapping[str, str], name: str) -> None:
    plan = plan_build("go", ROOT, STAGING, INFO, platform, "./cmd/orders")

    assert plan.env == {"CGO_ENABLED": "0", **env}
    assert plan.output.name == name


def test_the_environments_own_platform_keeps_the_files_name() -> None:
    plan = plan_build("go", ROOT, Environment("prod", platform="linux/amd64/v3"), INFO, "", "./cmd/orders")

    assert plan.env["GOAMD64"] == "v3"
    assert plan.output.name == "orders-staging"


def test_the_command_line_is_stronger_than_the_environments_platform() -> None:
    plan = plan_build("go", ROOT, Environment("prod", platform="linux/amd64/v3"), INFO, "linux/arm64", "./cmd/orders")

    assert plan.env == {"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "arm64"}


def test_a_binary_for_this_machine_is_known_as_such() -> None:
    native = "/".join(this_machine())
    foreign = "windows/386" if native != "windows/386" else "linux/arm64"

    plans = [plan_build("go", ROOT, STAGING, INFO, platform, "./cmd/orders") for platform in ("", native, foreign)]

    assert [plan.native for plan in plans] == [True, True, False]


def test_a_binary_for_an_image_is_one_for_the_engines_platform(tmp_path: Path) -> None:
    (tmp_path / "cmd" / "orders").mkdir(parents=True)

    foreign = plan_image_build("go", tmp_path, "orders", STAGING, INFO, "linux/riscv64")
    native = plan_image_build("go", tmp_path, "orders", STAGING, INFO, "/".join(this_machine()))

    assert foreign.env["GOARCH"] == "riscv64"
    assert native.output.name == "orders-staging"


def test_variables_of_the_shell_do_not_bend_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("GOOS", "GOARCH", "GOFLAGS", "GOAMD64", "CGO_ENABLED")
    for name in names:
        monkeypatch.setenv(name, "bent")
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\nenv >&2\nexit 1\n")
    go.chmod(0o755)
    plan = plan_build(str(go), tmp_path, STAGING, INFO, "", ".")

    with pytest.raises(BuildFault) as fault:
        build(Runner(tmp_path, False, sys.stderr), plan, INFO)

    assert fault.value.code == 4
    given = dict(line.split("=", 1) for line in fault.value.details if "=" in line)
    assert "bent" not in [given.get(name) for name in names]


# --- Quoting --------------------------------------------------------------------------------------

HOSTILE = [
    "v1 -X main.Other=added",
    "v1' -X main.Other=added",
    'v1" -X main.Other=added',
    "' -X 'main.Other=added",
    '" -X "main.Other=added',
    "-X",
    "-s -w",
    " leading and trailing ",
    "tab\there",
    "$(touch pwned) `touch pwned` $HOME ${HOME}",
    "back\\slash\\",
    "a=b=c",
    "ümlaut ✓",
    "*?[]{}~#!&|;<>()",
    "",
]
UNQUOTABLE = ["both ' and \"", "line\nend", "'\n", "\"'"]


@needs_go
def test_no_value_can_become_a_flag_of_the_linker(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.com/quoting\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(PROGRAM)

    for number, value in enumerate(HOSTILE):
        binary = tmp_path / f"program-{number}"
        info = BuildInfo("orders", value, value, value, value)
        flags = linker_flags(info, development=False)
        argv = [find_go(), "build", "-buildvcs=false", "-ldflags", flags, "-o", str(binary), "."]
        built = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr

        said = json.loads(subprocess.run([binary], capture_output=True, text=True, check=True).stdout)
        binary.unlink()
        assert said == {"service": "orders", "env": value, "version": value, "commit": value, "built_at": value}

    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("value", UNQUOTABLE)
def test_a_value_that_cannot_be_quoted_is_refused(value: str) -> None:
    with pytest.raises(UsageFault, match="cannot be handed to the linker"):
        quote(f"main.Version={value}")


@pytest.mark.parametrize("value", ["v1.2.3", "2026-01-02T03:04:05Z", "v1.0.0-4-gabc-dirty.0123", "a/b", "1+2@3%"])
def test_a_plain_value_is_not_quoted(value: str) -> None:
    assert quote(value) == value


# --- The image ------------------------------------------------------------------------------------

IMAGES = {"GO_IMAGE": "golang:1.26", "RUNTIME_IMAGE": "scratch", "EDGE_IMAGE": "haproxy:3.2"}


def test_an_image_with_the_hosts_binary_is_this_command() -> None:
    plan = plan_image(STAGING, INFO, IMAGES, ("-s -w", ""), Path("/service/dist/.image-orders"))

    labels = {
        "org.opencontainers.image.version": "v1.2.3",
        "org.opencontainers.image.revision": "0123abc",
        "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
        "copier-gin.service": "orders",
        "copier-gin.env": "staging",
    }
    assert plan.argv() == [
        *("docker", "buildx", "build", "--load", "--quiet", "--provenance=false", "--sbom=false"),
        *("--tag", "orders:staging-v1.2.3"),
        *("--build-arg", "GO_IMAGE=golang:1.26", "--build-arg", "RUNTIME_IMAGE=scratch"),
        *("--build-arg", "SOURCE_DATE_EPOCH=1767323045"),
        *("--build-context", "build=/service/dist/.image-orders"),
        *(word for name, value in labels.items() for word in ("--label", f"{name}={value}")),
        ".",
    ]


def test_an_image_without_go_on_the_host_gets_the_flags_as_arguments() -> None:
    environment = Environment("prod", platform="linux/amd64/v3")

    argv = plan_image(environment, INFO, IMAGES, ("-s -w", "all=-N -l"), None).argv()

    assert "LDFLAGS=-s -w" in argv
    assert "GCFLAGS=all=-N -l" in argv
    assert "GOAMD64=v3" in argv
    assert argv[argv.index("--platform") + 1] == "linux/amd64"
    assert "--build-context" not in argv


def test_an_image_knows_nothing_of_an_environments_values() -> None:
    values = {**IMAGES, "DATABASE_PASSWORD": "s3cret", "POSTGRES_IMAGE": "postgres:17"}

    words = " ".join(plan_image(STAGING, INFO, values, ("", ""), None).argv())

    assert "s3cret" not in words
    assert "DATABASE" not in words


@pytest.mark.parametrize("version", ["v1.2.3", "v1+meta", "a/b c", "v1-ü", "x" * 300])
def test_an_images_tag_is_one_that_docker_accepts(version: str) -> None:
    _, _, tag = image_tag(BuildInfo("orders", "staging", version, "", "")).partition(":")

    assert tag.startswith("staging-")
    assert len(tag) <= 128
    assert all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in tag)


def test_every_runtime_of_the_question_has_an_image() -> None:
    assert set(RUNTIMES) == {"scratch", "alpine", "distroless"}


def test_what_plugins_have_left_is_gone_where_a_service_has_none_any_more(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "elsewhere.wasm").write_bytes(b"program")
    plugins.collect(tmp_path, [])
    assert [path.name for path in plugins.built(tmp_path).iterdir()] == ["elsewhere.wasm"]

    shutil.rmtree(tmp_path / "plugins")
    plugins.collect(tmp_path, [])

    assert not plugins.built(tmp_path).exists()
