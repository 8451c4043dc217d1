"""The tasks as a user meets them: typing errors, help, the list, exit codes, and no traceback anywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import service_tasks
from service_tasks import GROUPS

from ..conftest import Render
from ..support.service import Service

TASKS = sorted(service_tasks.ns.task_names)


@pytest.fixture(scope="module")
def service(rendered: Render, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service without a repository, for the process target; no test here changes it."""
    folder = tmp_path_factory.mktemp("service") / "orders"
    shutil.copytree(rendered(database="sqlite", kubernetes=True, plugins="wasm"), folder)
    settings = folder / "invoke.yaml"
    settings.write_text(settings.read_text().replace("target: docker\n", "target: process\n"))
    return Service(folder, folder.parent / "state")


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that was refused says; it must be bad usage, told in a sentence on standard error."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr


# --- Typing errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        (("deplyo",), 'there is no task "deplyo"', 'did you mean "deploy"?'),
        (("env.chekc",), 'there is no task "env.chekc"', 'did you mean "env.check"'),
        (("zzz",), 'there is no task "zzz"', "known: build, deploy"),
        (("deploy", "--evn=dev"), 'there is no option "--evn"', '"--env"'),
        (("deploy", "--tiemout", "3"), 'there is no option "--tiemout"', '"--timeout"'),
        (("--lisst",), 'there is no option "--lisst"', '"--list"'),
        (("deploy", "--env=stagign"), 'there is no environment "stagign"', 'did you mean "staging"?'),
        (("build", "--platform=linux"), '"linux" is not a platform', "linux/arm64"),
        (("image", "--runtime=alpin"), '"alpin" is not a runtime', 'did you mean "alpine"?'),
        (("logs", "--lines=few"), '--lines "few" is not a number', "--lines=500"),
        (("exec",), "there is no command", "two hyphens"),
        (("deploy", "--set=LOG_LEVEL"), '--set "LOG_LEVEL" is not NAME=VALUE', "--set LOG_LEVEL=debug"),
        (("deploy", "--set=LOG_LEVL=info"), "--set LOG_LEVL: no such variable", 'did you mean "LOG_LEVEL"?'),
        (("down", "--volumes"), "no terminal to ask on", "--yes"),
        (("env.diff", "dev", "prd"), 'there is no environment "prd"', 'did you mean "prod"?'),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_a_mistake_is_answered_with_what_was_probably_meant(
    service: Service, words: tuple[str, ...], what: str, remedy: str
) -> None:
    said = refused(service.invoke(*words))

    assert what in said
    assert remedy in said.split("what to do:")[1]


@pytest.mark.parametrize(
    ("task", "timeout"), [("deploy", "soon"), ("deploy", "0"), ("deploy", "1e9"), ("rollback", "-1")]
)
def test_a_timeout_that_is_no_time_is_refused(service: Service, task: str, timeout: str) -> None:
    said = refused(service.invoke(task, "--env=staging", f"--timeout={timeout}"))

    assert f"--timeout: '{timeout}' is not" in said
    assert "seconds" in said


@pytest.mark.parametrize("option", ["--timeout", "--env"])
def test_an_option_without_its_value_is_named_as_it_was_typed(service: Service, option: str) -> None:
    said = refused(service.invoke("deploy", option))

    assert option in said
    assert "Argument" not in said, "that is Invoke's own notation"


def test_an_argument_that_is_missing_is_named(service: Service) -> None:
    said = refused(service.invoke("env.diff", "dev"))

    assert "two" in said


def test_nothing_is_left_behind_by_a_refused_command(service: Service) -> None:
    refused(service.invoke("deploy", "--env=staging", "--timeout=soon"))

    assert not (service.folder / "dist").exists()


def test_a_wrong_setting_is_told_with_its_place(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    shutil.copytree(service.folder, folder)
    settings = folder / "invoke.yaml"
    settings.write_text(settings.read_text().replace("database: sqlite", "database: oracle"))

    said = refused(Service(folder, tmp_path / "state").invoke("env.check"))

    assert "database: 'oracle' is not one of postgres, mysql, sqlite, none" in said
    assert "invoke.yaml" in said


def test_settings_that_are_no_yaml_are_told_without_a_traceback(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    shutil.copytree(service.folder, folder)
    (folder / "invoke.yaml").write_text("service: [orders\n")

    done = Service(folder, tmp_path / "state").invoke("env.check")

    assert done.returncode == 2
    assert "invoke.yaml" in done.stderr
    assert "Traceback" not in done.stderr


# --- Help -----------------------------------------------------------------------------------------


def test_every_task_is_in_exactly_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]

    assert sorted(grouped) == TASKS
    assert len(grouped) == len(set(grouped))


def test_the_list_is_in_groups_and_explains_every_task(service: Service) -> None:
    done = service.invoke("--list")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line in GROUPS] == list(GROUPS)
    explained = dict(re.findall(r"^  (\S+) +(\S.*\.)$", done.stdout, re.MULTILINE))
    assert sorted(explained) == TASKS
    assert "invoke --help TASK" in lines[-1]


@pytest.mark.parametrize("task", TASKS)
def test_every_option_of_a_task_is_explained(task: str) -> None:
    arguments = service_tasks.ns[task].get_arguments()

    unexplained = [argument.name for argument in arguments if not argument.help]
    assert unexplained == []


def test_help_of_deploy_shows_every_option_with_its_explanation(service: Service) -> None:
    done = service.invoke("--help", "deploy")

    assert done.returncode == 0
    for option in ("--env=STRING", "--json", "--set", "--timeout=STRING"):
        line = next(line for line in done.stdout.splitlines() if option in line)
        assert re.search(rf"{re.escape(option)}\s{{2,}}\S", line), line
    assert "Build, start beside the running release" in done.stdout


OF_ALL_ENVIRONMENTS = (
    "test",
    "lint",
    "vuln",
    "new.feature",
    "env.check",
    "env.diff",
    "kubernetes.processes",
    "secrets.keygen",
    "template.status",
    "template.update",
)


@pytest.mark.parametrize("task", [name for name in TASKS if name not in OF_ALL_ENVIRONMENTS])
def test_a_task_that_acts_on_an_environment_takes_env(task: str) -> None:
    assert "env" in {argument.name for argument in service_tasks.ns[task].get_arguments()}


# --- Where and how it runs ------------------------------------------------------------------------


def test_the_users_own_tasks_appear_in_the_list_and_run(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    shutil.copytree(service.folder, folder)
    (folder / "tasks_local.py").write_text(
        "from invoke import task\n\n\n@task\ndef greet(c):\n    '''Say hello.'''\n    print('hello')\n"
    )
    own = Service(folder, tmp_path / "state")

    assert re.search(r"^Others\n  local\.greet +Say hello\.$", own.invoke("--list").stdout, re.MULTILINE)
    assert own.invoke("local.greet").stdout == "hello\n"


def test_tasks_run_from_any_sub_directory(service: Service) -> None:
    done = service.invoke("env.check", cwd=service.folder / "internal" / "order")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["--list", "env.show --env=dev", "--help deploy"])
def test_a_reader_that_leaves_early_is_no_error(service: Service, words: str) -> None:
    command = " ".join(service.command(*words.split()))

    done = subprocess.run(
        f"{command} | true", shell=True, cwd=service.folder, env=service.environment(), capture_output=True, text=True
    )

    assert "Traceback" not in done.stderr
    assert "BrokenPipeError" not in done.stderr


def test_no_colour_goes_into_a_file(service: Service) -> None:
    service.env.pop("NO_COLOR", None)

    done = service.invoke("--dry", "build", "--env=staging")

    assert "\x1b" not in done.stdout + done.stderr


def test_a_dry_build_shows_its_command_and_builds_nothing(service: Service) -> None:
    done = service.invoke("--dry", "build", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert "would: " in done.stdout
    assert "-trimpath" in done.stdout
    assert not [path for path in service.folder.glob("dist/*") if path.is_file()]


def test_docker_and_rich_are_not_imported_for_the_list() -> None:
    code = "import sys, service_tasks; print([m for m in ('docker', 'rich', 'requests') if m in sys.modules])"
    root = Path(service_tasks.__file__).resolve().parents[2]
    command = [Service(root, root).command()[0], "-c", code]

    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
