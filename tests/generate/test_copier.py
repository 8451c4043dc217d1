"""The template in the hands of Copier alone: a copy and an update, without network, terminal or trust."""

from __future__ import annotations

import filecmp
import re
from pathlib import Path

import pytest
import yaml

from maintain.rendering import example_answers, make_repository

from ..support.service import ROOT, git
from ..support.template_versions import commit
from ..support.text_rules import matches
from .copying import QUESTIONS, copier, copy_in_process, files, of_the_service


def test_a_clone_renders_without_network_terminal_or_trust(template: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(template), "clone")

    words = ("copy", "--defaults", "--data", "project_name=orders", "clone", "orders")
    done = copier(*words, cwd=tmp_path, network=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "orders" / "cmd" / "orders" / "main.go").exists()
    assert "./inv deploy --env=staging" in done.stderr
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


def test_rendering_needs_no_trust() -> None:
    settings = yaml.safe_load((ROOT / "copier.yml").read_text())

    assert not {"_tasks", "_migrations", "_jinja_extensions"} & set(settings)


def test_the_same_answers_give_the_same_bytes(untracked_template: Path, tmp_path: Path) -> None:
    one, two = (copy_in_process(untracked_template, tmp_path / side, example_answers()) for side in ("one", "two"))

    assert files(one) == files(two)
    _, different, failed = filecmp.cmpfiles(one, two, files(one), shallow=False)
    assert (different, failed) == ([], [])


def test_the_answers_file_records_the_template_and_every_answer(template: Path, tmp_path: Path) -> None:
    folder = copy_in_process(template, tmp_path / "orders", example_answers())

    text = (folder / ".copier-answers.yml").read_text()
    record = yaml.safe_load(text)
    assert text.startswith("# Changes here will be overwritten by Copier")
    assert record.pop("_commit") == "v1.0.0"
    assert record.pop("_src_path") == str(template)
    assert record == {**example_answers(), "go_version": QUESTIONS["go_version"]["default"]}


def test_the_go_release_is_one_answer_that_reaches_every_file(untracked_template: Path, tmp_path: Path) -> None:
    default = QUESTIONS["go_version"]["default"]
    other = "1.99"
    answers = {**example_answers(), "go_version": other}
    folder = copy_in_process(untracked_template, tmp_path / "orders", answers)

    assert re.search(rf"^go {re.escape(other)}", (folder / "go.mod").read_text(), re.MULTILINE)
    assert f"ARG GO_IMAGE=golang:{other}" in (folder / "Dockerfile").read_text()
    assert f"GO_IMAGE=golang:{other}" in (folder / ".env.example").read_text()
    assert f"golang:{other}" in (folder / "docker-compose.yml").read_text()
    former = re.compile(rf"golang:{re.escape(default)}|\bgo {re.escape(default)}|Go {re.escape(default)}\b")
    assert matches(former, folder, of_the_service(folder)) == []


# --- Updating -------------------------------------------------------------------------------------


def append(path: Path, line: str) -> None:
    """Add a line, after a blank one, at the end of a file."""
    path.write_text(f"{path.read_text()}\n{line}\n")


def change(path: Path, old: str, new: str) -> None:
    """Replace what has to be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def updated(template: Path, tmp_path: Path) -> Path:
    """A service that its user has worked on, after an update to a release that changed every kind of file."""
    newer = tmp_path / "copier-gin"
    git(tmp_path, "clone", "--quiet", str(template), "copier-gin")
    folder = tmp_path / "orders"
    done = copier("copy", "--defaults", "--data", "project_name=orders", str(newer), "orders", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    make_repository(folder)

    append(folder / "internal" / "order" / "handler.go", "// Edited by the user.")
    append(folder / "go.mod", "// Raised by the user.")
    append(folder / ".env.staging", "TRUSTED_PROXIES=10.0.0.0/8")
    (folder / "internal" / "order" / "fuzz_test.go").unlink()
    (folder / "tasks_local.py").write_text("# The user's own.\n")
    (folder / ".env.staging.local").write_text("LOG_LEVEL=debug\n")
    commit(folder)

    for name in ("internal/order/handler.go.jinja", "internal/order/fuzz_test.go.jinja", "go.mod.jinja"):
        append(newer / "template" / name, "// Changed by the template.")
    change(newer / "template" / "Dockerfile.jinja", "EXPOSE 8080", "EXPOSE 8080/tcp")
    change(newer / "template" / ".env.staging.jinja", "LOG_LEVEL=info", "LOG_LEVEL=warn")
    (newer / "template" / "internal" / "platform" / "new.go").write_text("package platform\n")
    commit(newer, tag="v1.1.0")

    done = copier("update", "--defaults", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_an_update_keeps_what_was_seeded_and_brings_what_is_managed(updated: Path) -> None:
    def text(name: str) -> str:
        return (updated / name).read_text()

    seeded = ("internal/order/handler.go", "go.mod")
    assert [name for name in seeded if "by the user." not in text(name)] == []
    assert [name for name in seeded if "by the template." in text(name)] == []
    assert not (updated / "internal" / "order" / "fuzz_test.go").exists(), "a deleted file came back"
    assert "EXPOSE 8080/tcp" in text("Dockerfile")
    assert (updated / "internal" / "platform" / "new.go").exists()
    assert "LOG_LEVEL=warn" in text(".env.staging")
    assert text(".env.staging").endswith("TRUSTED_PROXIES=10.0.0.0/8\n")
    assert text("tasks_local.py") == "# The user's own.\n"
    assert text(".env.staging.local") == "LOG_LEVEL=debug\n"
    assert yaml.safe_load(text(".copier-answers.yml"))["_commit"] == "v1.1.0"

    assert matches(re.compile("^(<<<<<<<|>>>>>>>)"), updated, files(updated)) == []
    assert [name for name in files(updated) if name.endswith(".rej")] == []
    changed = {line[3:] for line in git(updated, "status", "--porcelain").splitlines()}
    assert changed == {".copier-answers.yml", ".env.staging", "Dockerfile", "internal/platform/new.go"}
