"""The wrapper `inv` installs what the tasks need, once, and hands over to Invoke.

Offline and quick: the package is a stand-in for Invoke in a folder on this machine, and all tests but the first copy
one finished venv where the wrapper would make its own.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ..support.service import ROOT
from ..support.waiting import until

INSTALLING = "Installing the tasks' packages into .venv (once)"

# Stands for Invoke: says how it was called and ends with the status that its last argument asks for.
FAKE_INVOKE = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "cwd": os.getcwd(), "version": VERSION}))
sys.exit(int(sys.argv[-1].partition("=")[2]) if sys.argv[-1].startswith("--exit=") else 0)
"""
# A build backend without dependencies: its wheel is the one module. WAIT_FOR names a file without which it hangs.
BACKEND = """
import os, time, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    wait_for = os.environ.get("WAIT_FOR")
    if wait_for:
        open(wait_for + ".reached", "w").close()
        while not os.path.exists(wait_for):
            time.sleep(0.02)
    name = f"invoke-{VERSION}-py3-none-any.whl"
    info = f"invoke-{VERSION}.dist-info"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.write("invoke_module.py", "invoke.py")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: invoke\\nVersion: {VERSION}\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@dataclass(frozen=True)
class Project:
    """A project of its own with a copy of the wrapper."""

    root: Path
    python: Path
    before: str = ""

    def pin(self, version: str) -> None:
        """Write the package `invoke` in this version, and the requirements that name it."""
        package = self.root / f"invoke-{version}"
        package.mkdir(exist_ok=True)
        head = f"VERSION = {version!r}\n"
        (package / "invoke_module.py").write_text(head + FAKE_INVOKE, encoding="utf-8")
        (package / "backend.py").write_text(head + BACKEND, encoding="utf-8")
        (package / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n', encoding="utf-8"
        )
        self.require(str(package))

    def require(self, line: str) -> None:
        (self.root / "tasks").mkdir(exist_ok=True)
        (self.root / "tasks" / "requirements.txt").write_text(f"{line}\n", encoding="utf-8")

    def start(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        """Start the wrapper; `python` stands in its place for the interpreter that makes the venv."""
        script = str(self.root / "inv")
        code = (
            f"import runpy, sys; sys.executable = {str(self.python)!r}; {self.before}\n"
            f"sys.argv[0] = {script!r}; runpy.run_path({script!r}, run_name='__main__')"
        )
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=cwd or self.root, env={**inherited, "PIP_NO_INDEX": "1", **environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def inv(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Finished:
        return finish(self.start(*arguments, cwd=cwd, **environment))


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


def finish(process: subprocess.Popen[str]) -> Finished:
    out, err = process.communicate(timeout=60)
    return Finished(process.returncode, out, err)


@pytest.fixture(scope="module")
def copying_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers `-I -m venv FOLDER` with a copy of a venv that was made once."""
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec cp -a "{folder}/venv/." "$4"\n', encoding="utf-8")
    python.chmod(0o755)
    return python


@pytest.fixture
def project(tmp_path: Path, copying_python: Path) -> Project:
    root = tmp_path / "a project"
    root.mkdir()
    shutil.copy(ROOT / "template" / "inv", root / "inv")
    project = Project(root, copying_python)
    project.pin("1.0")
    return project


def test_with_nothing_but_python_it_makes_a_venv_and_runs_invoke(project: Project) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    done = subprocess.run(
        [str(project.root / "inv"), "hello"], capture_output=True, text=True, check=False,
        env={**inherited, "PIP_NO_INDEX": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert INSTALLING in done.stderr
    assert '"version": "1.0"' in done.stdout
    assert (project.root / ".venv" / "pyvenv.cfg").is_file()


def test_it_installs_once_and_again_when_the_requirements_change(project: Project) -> None:
    first = project.inv("hello")
    assert first.status == 0, first.err
    assert INSTALLING in first.err and first.err.endswith(" s\n") and first.err.count("\n") == 1
    assert '"version": "1.0"' in first.out
    second = project.inv("hello")
    assert (second.status, second.err) == (0, "")
    project.pin("2.0")
    third = project.inv("hello")
    assert INSTALLING in third.err
    assert '"version": "2.0"' in third.out


def test_it_runs_from_a_subdirectory_with_the_callers_directory_and_passes_the_exit_code(project: Project) -> None:
    below = project.root / "internal"
    below.mkdir()
    done = project.inv("deploy", "--exit=5", cwd=below)
    assert done.status == 5, done.err
    assert f'"arguments": ["--search-root", "{project.root}", "deploy", "--exit=5"]' in done.out
    assert f'"cwd": "{below}"' in done.out


def test_a_symbolic_link_finds_the_project_that_it_lies_in(project: Project, tmp_path: Path) -> None:
    other = replace(project, root=tmp_path / "other")
    other.root.mkdir()
    (other.root / "inv").symlink_to(project.root / "inv")
    other.pin("3.0")
    (other.root / "tasks" / "requirements.txt").rename(other.root / "requirements.txt")
    done = other.inv("hello")
    assert f'"--search-root", "{other.root}"' in done.out, done.err
    assert '"version": "3.0"' in done.out
    assert not (project.root / ".venv").exists()


def test_two_at_once_install_once_and_the_second_says_that_it_waits(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = project.start("hello", WAIT_FOR=str(gate))
    until((tmp_path / "gate.reached").exists, "the build does not begin")
    second = project.start("hello", WAIT_FOR=str(gate))
    assert second.stderr is not None
    assert second.stderr.readline() == "inv: waiting for another ./inv to finish installing\n"
    gate.touch()
    for done in (finish(first), finish(second)):
        assert done.status == 0, done.err
        assert '"version": "1.0"' in done.out
    assert INSTALLING not in finish(project.start("hello")).err


def test_an_installation_killed_half_way_is_done_again(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    killed = project.start("hello", WAIT_FOR=str(gate))
    until((tmp_path / "gate.reached").exists, "the build does not begin")
    os.killpg(killed.pid, signal.SIGKILL)
    finish(killed)
    again = project.inv("hello")
    assert again.status == 0, again.err
    assert INSTALLING in again.err
    assert '"version": "1.0"' in again.out


def test_ctrl_c_while_installing_ends_with_130_and_no_traceback(project: Project, tmp_path: Path) -> None:
    process = project.start("hello", WAIT_FOR=str(tmp_path / "gate"))
    until((tmp_path / "gate.reached").exists, "the build does not begin")
    os.killpg(process.pid, signal.SIGINT)
    done = finish(process)
    assert done.status == 130
    assert done.err.endswith("\ninv: interrupted\n") and "Traceback" not in done.err


def test_a_package_that_cannot_be_had_is_told_with_the_last_words_of_pip(project: Project) -> None:
    project.require("copier-gin-no-such-package==1.0")
    done = project.inv("hello")
    assert done.status == 3
    assert "No matching distribution found for copier-gin-no-such-package==1.0" in done.err
    assert "PIP_INDEX_URL" in done.err and "Traceback" not in done.err


def test_a_venv_of_someone_elses_is_left_alone(project: Project) -> None:
    theirs = project.root / ".venv" / "bin" / "python"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    done = project.inv("hello")
    assert done.status == 3
    assert "was not made by this file" in done.err
    assert list((project.root / ".venv").rglob("*")) == [theirs.parent, theirs]


def test_a_project_that_cannot_be_written_to_is_told(project: Project) -> None:
    (project.root / ".venv").touch()  # as good as a folder without write permission, which root does not feel
    done = project.inv("hello")
    assert done.status == 3
    assert "cannot write in" in done.err and "Traceback" not in done.err


def test_a_python_without_venv_is_told_what_to_install(project: Project) -> None:
    python = project.root / "python"  # answers as Debian's does without python3-venv
    python.write_text("#!/bin/sh\necho 'Error: ensurepip is not available'\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    done = replace(project, python=python).inv("hello")
    assert done.status == 3
    assert "apt-get install python3-venv" in done.err


def test_a_python_that_is_too_old_is_told(project: Project) -> None:
    old = replace(project, before="sys.version_info = (3, 6, 15)")
    done = old.inv("hello", PATH=str(project.root))
    assert done.status == 3
    assert "Python 3.10 or newer is needed; this one is 3.6" in done.err
    assert not (project.root / ".venv").exists()


def test_it_parses_on_the_old_pythons_that_it_must_answer() -> None:
    source = (ROOT / "template" / "inv").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
