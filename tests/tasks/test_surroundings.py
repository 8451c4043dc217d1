"""What is set in the shell of whoever calls changes no deploy and breaks no message."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from maintain.rendering import use_target
from service_tasks.engine.build.toolchain import go_environment
from service_tasks.engine.core.errors import MissingFault
from service_tasks.engine.core.paths import cache_home, state_home, user_name
from service_tasks.engine.core.runner import FOR_GO, FOR_SERVICE, PASSED_ON, Runner, clean_environment

from ..conftest import Render
from ..support.service import Service

BENDING = {
    "DOCKER_BUILDKIT": "0",
    "DOCKER_DEFAULT_PLATFORM": "linux/arm64",
    "DOCKER_CONTENT_TRUST": "1",
    "DOCKER_HIDE_LEGACY_COMMANDS": "1",
    "BUILDKIT_PROGRESS": "tty",
    "BUILDKIT_HOST": "tcp://127.0.0.1:1",
    "BUILDX_BUILDER": "another",
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "0",
    "COMPOSE_FILE": "other.yml",
    "COMPOSE_PROFILES": "green",
    "COMPOSE_PROJECT_NAME": "other",
    "COMPOSE_BAKE": "true",
    "GIT_DIR": "/nowhere",
    "GIT_WORK_TREE": "/nowhere",
    "GIT_INDEX_FILE": "/nowhere",
    "GIT_EXTERNAL_DIFF": "false",
    "GIT_CEILING_DIRECTORIES": "/",
    "GOFLAGS": "-mod=nonsense",
    "GOOS": "plan9",
    "GOARCH": "arm",
    "GOAMD64": "v4",
    "GOEXPERIMENT": "nonsense",
    "GOROOT": "/nowhere",
    "GOWORK": "/nowhere/go.work",
    "GODEBUG": "gocachehash=0",
    "CGO_ENABLED": "1",
    "CC": "false",
    "APP_IMAGE": "other",
    "APP_ENV_FILE": "/nowhere",
    "LOG_LEVEL": "loud",
    "EDGE_PORT": "1",
    "POSTGRES_PASSWORD": "other",
    "LD_PRELOAD_OF_OTHERS": "1",
    "PYTHONPATH": "/nowhere",
    "INVOKE_SERVICE": "other",
    "INVOKE_RUN_DRY": "1",
    "LC_ALL": "C",
}


@pytest.fixture
def service(rendered: Render, tmp_path: Path) -> Service:
    root = tmp_path / "orders"
    shutil.copytree(rendered(database="none"), root)
    return Service(root, tmp_path / "state")


def told(folder: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    """The environment that a command of the tasks finds."""
    script = "import os; print('\\0'.join(f'{n}={v}' for n, v in os.environ.items()), end='')"
    said = Runner(folder, False, sys.stderr).read([sys.executable, "-c", script], env).stdout
    return dict(entry.split("=", 1) for entry in said.split("\0"))


@pytest.mark.parametrize("names", [PASSED_ON, FOR_GO, FOR_SERVICE])
def test_no_variable_counts_but_those_that_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    for name, value in BENDING.items():
        monkeypatch.setenv(name, value)
    for name in names:
        monkeypatch.setenv(name, f"/of/{name}")

    found = told(tmp_path, clean_environment({"OWN": "1"}, names))

    assert {name for name in found if name not in ("OWN", "LC_CTYPE")} == set(names)
    assert not set(names) & set(BENDING)


def test_a_command_has_no_other_variables_where_none_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BENDING.items():
        monkeypatch.setenv(name, value)

    assert not set(told(tmp_path, None)) & set(BENDING)


def test_what_go_builds_is_decided_by_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BENDING.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOPROXY", "https://modules.example.com")

    found = go_environment()

    assert not {name for name in BENDING if found.get(name) == BENDING[name]}
    assert found["GOPROXY"] == "https://modules.example.com"


def test_a_hook_finds_the_same_state_as_the_task_that_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, f"/of/{name}")
        assert clean_environment({})[name] == f"/of/{name}"


def test_variables_of_invoke_are_not_heard(service: Service) -> None:
    calm = service.invoke("build", "--env=staging")
    service.env = dict.fromkeys(("INVOKE_SERVICE", "INVOKE_DATABASE", "INVOKE_TASKS_AUTO_DASH_NAMES"), "other")
    service.env["INVOKE_RUN_DRY"] = "1"

    done = service.invoke("build", "--env=staging")

    assert (done.returncode, done.stdout) == (0, calm.stdout)
    assert "would:" not in done.stdout


def test_settings_of_the_users_own_invoke_are_not_heard(service: Service, tmp_path: Path) -> None:
    (tmp_path / ".invoke.yaml").write_text("healthy_timeout: nonsense\nservice: other\n")
    service.env["HOME"] = str(tmp_path)

    assert service.invoke("env.check").returncode == 0


def test_pythons_variables_do_not_bring_other_modules_in(service: Service) -> None:
    env = {**os.environ, "PYTHONPATH": "/nowhere", "PYTHONSTARTUP": "/nowhere", "PYTHONUNBUFFERED": "1"}
    script = (
        "import os, runpy\n"
        "def told(path, command, env):\n"
        "    print(*sorted(name for name in env if name.startswith('PYTHON')))\n"
        "    raise SystemExit\n"
        "os.execve = told\n"
        f"found = runpy.run_path({str(service.folder / 'inv')!r}, run_name='inv')\n"
        "found['main'].__globals__.update(read=lambda _: 'same', fingerprint=lambda _: 'same')\n"
        "found['main']([])\n"
    )

    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)

    assert done.stdout.split() == [name for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED") if name in env]


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_a_home_folder_that_is_none_is_told(service: Service, home: str | None) -> None:
    env = {name: value for name, value in service.environment().items() if name not in ("HOME", "XDG_STATE_HOME")}
    if home is not None:
        env["HOME"] = home
    env["XDG_STATE_HOME"] = "relative" if home == "relative" else ""
    # A user whom the system does not know: what Python asks it for, it has not.
    script = (
        "import os, pwd, runpy, sys\n"
        "def nobody(*_): raise KeyError\n"
        "pwd.getpwuid = nobody\n"
        "sys.argv = ['invoke', 'history', '--env=staging']\n"
        "runpy.run_module('invoke', run_name='__main__')\n"
    )
    use_target(service.folder, "process")

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=service.folder, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "XDG_STATE_HOME" in done.stderr


def test_a_home_folder_that_cannot_be_read_is_told(service: Service) -> None:
    done = subprocess.run(
        [sys.executable, str(service.folder / "inv"), "env.check"],
        env={**service.environment(), "HOME": "/dev/null"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert "the home folder /dev/null cannot be read" in done.stderr


def test_a_state_folder_that_cannot_be_written_is_told(service: Service) -> None:
    use_target(service.folder, "process")
    service.env["XDG_STATE_HOME"] = "/dev/null/state"

    done = service.invoke("history", "--env=staging")

    assert done.returncode == 3, done.stderr
    assert "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))

    assert user_name() == str(os.getuid())


def test_a_folder_of_the_users_counts_only_where_it_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/somebody")
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("XDG_CACHE_HOME", "./cache")

    assert str(state_home()) == "/srv/somebody/.local/state/copier-gin"
    assert str(cache_home()) == "/srv/somebody/.cache/copier-gin"
    monkeypatch.setenv("HOME", "somewhere")
    with pytest.raises(MissingFault, match="no home folder"):
        state_home()


@pytest.mark.parametrize("name", ["GOCACHE", "GOMODCACHE", "GOTMPDIR"])
def test_a_cache_that_go_cannot_write_is_no_fault_of_the_code(service: Service, name: str) -> None:
    service.env[name] = "/dev/null/cache"

    done = service.invoke("build", "--env=staging")

    assert done.returncode == 3, done.stderr
    assert "Go cannot write what it needs to" in done.stderr
    assert "mend the code" not in done.stderr


def test_a_message_is_told_in_a_shell_that_cannot_show_its_characters(service: Service) -> None:
    path = service.folder / ".env.staging"
    path.write_text(path.read_text() + "ÄRGER=1\nLOG_LEVEL='é→🚀'\n", encoding="utf-8")
    service.env = {"PYTHONIOENCODING": "ascii:strict"}

    done = service.invoke("env.check", "--env=staging")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "is not one of debug" in done.stderr
