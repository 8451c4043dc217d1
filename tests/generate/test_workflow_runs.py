"""The commands of a service's pipelines that check it and update its template do what they say, wherever they run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from maintain.rendering import example_answers

from ..support.service import git
from ..support.template_versions import Template, commit
from .pipelines import CHECK, UPDATE, commands

pytestmark = pytest.mark.slow

BRANCH = "template-update/v1.3.0"

GH = """#!/usr/bin/env bash
[ "$1 $2" = 'pr create' ] || exit 0
shift 2
while [ $# -gt 0 ]; do
  case $1 in
    --head) printf '%s' "$2" > "$PROPOSAL/head" ;;
    --title) printf '%s' "$2" > "$PROPOSAL/title" ;;
    --body-file) cp "$2" "$PROPOSAL/body" ;;
  esac
  shift
done
"""
"""A `gh` that writes down the pull request that it is to open."""

CURL = """#!/usr/bin/env bash
cat > "$PROPOSAL/header"
printf '%s\\n' "$@" > "$PROPOSAL/words"
"""
"""A `curl` that writes down what it is to send."""

RECEIVED = """#!/usr/bin/env bash
for ((number = 0; number < ${GIT_PUSH_OPTION_COUNT:-0}; number++)); do
  option="GIT_PUSH_OPTION_$number"
  printf '%s\\n' "${!option}" >> options
done
"""
"""A hook of the repository that pushes arrive in: it writes down the options that GitLab reads."""


@dataclass
class Runner:
    """A machine that runs the commands of a pipeline in a clone of a service, and of its server what they ask of it."""

    folder: Path
    home: Path
    ci: str
    origin: Path

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a pipeline's commands one after the other, as its server would; gives the last that ran."""
        done = subprocess.CompletedProcess[str]([], 0, "", "")
        for step in commands(self.folder, self.ci, name):
            done = self._step(step["run"])
            if done.returncode:
                break
        return done

    def proposed(self) -> dict[str, str]:
        """The pull request that was opened, by head, title and body; nothing where none was."""
        if self.ci == "gitlab":
            return _merge_request(self.origin / "options")
        folder = self.home / "proposal"
        if self.ci == "forgejo" and (folder / "words").exists():
            words = (folder / "words").read_text().splitlines()
            assert (folder / "header").read_text() == "Authorization: token a-token\n"
            assert "a-token" not in " ".join(words)
            assert words[-1] == "https://forge.example.com/api/v1/repos/team/orders/pulls"
            sent = json.loads(Path(words[words.index("--data") + 1].removeprefix("@")).read_text())
            assert sent.pop("base") == "main"
            return dict(sent)
        return {path.name: path.read_text() for path in folder.iterdir()}

    def _step(self, commands: str) -> subprocess.CompletedProcess[str]:
        script = self.home / "script.sh"
        # The packages are here already: nothing is to be installed for the service.
        script.write_text(commands.replace("./inv ", f"{sys.executable} -m invoke "))
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env={**os.environ, **self._variables()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _variables(self) -> dict[str, str]:
        common = {
            "PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "XDG_STATE_HOME": str(self.home / "state"),
            "PROPOSAL": str(self.home / "proposal"),
            "TMPDIR": str(self.home),
        }
        if self.ci == "gitlab":
            who = {"GITLAB_USER_NAME": "Test", "GITLAB_USER_EMAIL": "test@localhost"}
            where = {"CI_PROJECT_URL": str(self.origin).removesuffix(".git"), "CI_DEFAULT_BRANCH": "main"}
            return {**common, **who, **where, "TEMPLATE_UPDATE_TOKEN": "a-token"}
        api = {"GITHUB_API_URL": "https://forge.example.com/api/v1", "GITHUB_SERVER_URL": "https://forge.example.com"}
        files = {"RUNNER_TEMP": str(self.home), "GITHUB_STEP_SUMMARY": str(self.home / "summary")}
        return {**common, **api, **files, "GITHUB_REPOSITORY": "team/orders", "TOKEN": "a-token"}


def _merge_request(options: Path) -> dict[str, str]:
    """What GitLab makes of the options of a push; it takes the two characters for a line end."""
    if not options.exists():
        return {}
    told = dict(line.removeprefix("merge_request.").partition("=")[::2] for line in options.read_text().splitlines())
    assert "create" in told
    assert told["target"] == "main"
    return {"head": BRANCH, "title": told["title"], "body": told["description"].replace("\\n", "\n") + "\n"}


@pytest.fixture(scope="module", params=["github", "gitlab", "forgejo"])
def ci(request: pytest.FixtureRequest) -> str:
    """Each place where pipelines run."""
    return str(request.param)


@pytest.fixture(scope="module")
def origin(ci: str, template_versions: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bare repository of a service of a former version, whose user and the template disagree on one line."""
    folder = tmp_path_factory.mktemp("service")
    service = template_versions.service(folder / "orders", "v1.2.0", **answers(ci))
    dockerfile = service / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("EXPOSE 8080/tcp", "EXPOSE 8081"))
    commit(service, "Another port")
    git(folder, "clone", "--quiet", "--bare", str(service), "orders.git")
    git(folder / "orders.git", "config", "receive.advertisePushOptions", "true")
    write_program(folder / "orders.git" / "hooks" / "post-receive", RECEIVED)
    return folder / "orders.git"


def answers(ci: str) -> dict[str, Any]:
    return {**example_answers(), "database": "none", "ci": ci}


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def checkout(origin: Path, home: Path, ci: str) -> Runner:
    """A machine with a fresh clone, as pipelines make it: GitLab's has no branch."""
    for name in ("bin", "proposal"):
        (home / name).mkdir(parents=True)
    for name, text in {"gh": GH, "curl": CURL, "apt-get": "#!/bin/sh\n"}.items():
        write_program(home / "bin" / name, text)
    git(home, "clone", "--quiet", str(origin), "orders")
    if ci == "gitlab":
        git(home / "orders", "checkout", "--quiet", "--detach")
    return Runner(home / "orders", home, ci, origin)


@pytest.fixture(scope="module")
def opened(origin: Path, ci: str, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The machine after the pipeline has found a newer version."""
    runner = checkout(origin, tmp_path_factory.mktemp("runner") / "home", ci)
    done = runner.run(UPDATE)
    assert done.returncode == 0, done.stdout + done.stderr
    return runner


def test_a_newer_version_becomes_a_branch_and_a_pull_request(opened: Runner, origin: Path) -> None:
    assert "_commit: v1.3.0" in git(origin, "show", f"{BRANCH}:.copier-answers.yml")
    assert git(origin, "log", "-1", "--format=%s", BRANCH).strip() == "Update the template to v1.3.0"
    assert opened.proposed()["head"] == BRANCH
    assert opened.proposed()["title"] == "Update the template to v1.3.0"
    assert "_commit: v1.2.0" in git(origin, "show", "main:.copier-answers.yml")


def test_the_text_of_the_pull_request_names_the_conflicts(opened: Runner, origin: Path) -> None:
    body = opened.proposed()["body"]

    assert "One file has conflicts" in body
    assert "`Dockerfile`" in body
    assert "<<<<<<< " in git(origin, "show", f"{BRANCH}:Dockerfile")
    if opened.ci == "github":
        assert (opened.home / "summary").read_text() == body


def test_no_token_is_kept_in_the_clone_or_said(opened: Runner) -> None:
    kept = [path for path in (opened.folder / ".git").rglob("*") if path.is_file()]

    assert [path for path in kept if b"a-token" in path.read_bytes()] == []


def test_a_change_with_a_conflict_in_it_is_refused_by_the_checks(opened: Runner) -> None:
    done = opened.run(CHECK)

    assert done.returncode == 1
    assert "Dockerfile:" in done.stdout


def test_a_branch_that_is_there_is_left_alone(opened: Runner, origin: Path, tmp_path: Path) -> None:
    before, proposed = git(origin, "rev-parse", BRANCH), opened.proposed()
    runner = checkout(origin, tmp_path / "home", opened.ci)

    done = runner.run(UPDATE)

    assert done.returncode == 0, done.stderr
    assert "is there already" in done.stdout
    assert runner.proposed() == (proposed if opened.ci == "gitlab" else {})
    assert git(origin, "rev-parse", BRANCH) == before


def test_on_the_newest_version_nothing_happens(template_versions: Template, tmp_path: Path) -> None:
    newest = template_versions.newest
    service = template_versions.service(tmp_path / "orders", newest, **answers("github"))
    runner = checkout(service, tmp_path / "home", "github")

    done = runner.run(UPDATE)

    assert done.returncode == 0, done.stderr
    assert "on the newest version" in done.stdout
    assert runner.proposed() == {}
    assert git(service, "branch", "--format=%(refname:short)").split() == ["main"]


def test_a_template_that_cannot_be_reached_fails_the_pipeline(origin: Path, ci: str, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "orders.git")
    runner = checkout(tmp_path / "orders.git", tmp_path / "home", ci)
    answers = runner.folder / ".copier-answers.yml"
    answers.write_text(re.sub(r"_src_path: .*", "_src_path: /nowhere", answers.read_text()))

    assert runner.run(UPDATE).returncode == 3


def test_the_text_is_made_with_nothing_but_python(opened: Runner, tmp_path: Path) -> None:
    """The update may have left conflicts in the tasks, or in the packages that they need."""
    script = shutil.copy(opened.folder / "tasks" / "engine" / "template" / "update_text.py", tmp_path)
    (tmp_path / "update.json").write_text(json.dumps({"service": "orders", "from": "v1.0.0", "to": "v2.0.0"}))

    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(tmp_path / "update.json")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("Brings `orders`"), done.stderr
