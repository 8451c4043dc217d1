"""What an update refuses, and how it is put back: by hand, after a kill, again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.core.errors import MissingFault, UsageFault
from service_tasks.engine.template.index import Index
from service_tasks.engine.template.record import Checkout
from service_tasks.engine.template.report import UNCHANGED

from ..support.service import git
from ..support.template_versions import DROPPED, Template, commit, replace
from .updating import Garage, Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]


# --- What is refused ------------------------------------------------------------------------------


def refusal(orders: Subject, *words: str, kind: type[UsageFault | MissingFault] = UsageFault, **answers: str) -> str:
    """The message of an update that does not happen; nothing may have changed."""
    before = orders.everything()
    with pytest.raises(kind) as fault:
        orders.update(*words, **answers)
    assert orders.everything() == before
    assert fault.value.remedy
    return str(fault.value)


@pytest.mark.parametrize("name", ["Dockerfile", "notes.txt"], ids=["edited", "new"])
def test_changes_that_are_not_committed_are_refused_by_name(orders: Subject, name: str) -> None:
    orders.write(name, "changed\n")

    message = refusal(orders)

    assert name in message
    assert "commit or stash" in message


def test_a_folder_without_git_is_refused(garage: Garage) -> None:
    orders = garage.service("v1.0.0")
    shutil.rmtree(orders.folder / ".git")

    assert "git init" in refusal(orders)


def test_a_service_without_a_record_of_its_template_is_refused(orders: Subject) -> None:
    orders.path(".copier-answers.yml").unlink()
    orders.commit()

    assert ".copier-answers.yml" in refusal(orders)


def test_a_relative_address_of_the_template_is_explained(orders: Subject, template_versions: Template) -> None:
    near = Path(os.path.relpath(template_versions.folder, orders.folder.parent))
    orders.edit(".copier-answers.yml", str(template_versions.folder), f"./{near}")
    orders.commit()

    message = refusal(orders)

    assert "relative" in message
    assert f"set _src_path to {template_versions.folder}" in message


def test_a_template_that_cannot_be_reached_is_something_missing(orders: Subject, template_versions: Template) -> None:
    orders.edit(".copier-answers.yml", str(template_versions.folder), "/nowhere/copier-gin")
    orders.commit()

    assert "/nowhere/copier-gin" in refusal(orders, kind=MissingFault)


def test_a_question_without_a_default_is_asked_for_by_name(template_versions: Template, tmp_path: Path) -> None:
    def ask(folder: Path) -> None:
        with (folder / "copier.yml").open("a") as file:
            file.write("\nteam:\n  type: str\n  help: Whose it is.\n")

    template = template_versions.copy(tmp_path / "copier-gin").release("v1.4.0", ask)
    orders = Subject(template.service(tmp_path / "orders", "v1.3.0", database="none"))

    assert "--set team=VALUE" in refusal(orders)
    assert orders.update(team="shop").code == 0
    assert "team: shop" in orders.text(".copier-answers.yml")


def test_an_answer_that_is_not_valid_is_refused(orders: Subject) -> None:
    assert "oracle" in refusal(orders, database="oracle")
    assert 'no question "databse"' in refusal(orders, databse="sqlite")


def test_an_older_version_is_refused(garage: Garage) -> None:
    assert "newer than v1.1.0" in refusal(garage.service("v1.3.0"), "v1.1.0")


def test_a_version_that_is_not_there_is_refused_with_the_nearest(orders: Subject) -> None:
    assert '"v1.3.0"' in refusal(orders, "v1.3.1")


def test_a_branch_that_is_there_is_refused(orders: Subject) -> None:
    git(orders.folder, "branch", "taken")

    assert "taken is there already" in refusal(orders, "", "taken")


def test_a_version_that_the_template_lost_is_explained(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")
    orders = Subject(template.service(tmp_path / "orders", "v1.1.0", database="none"))
    orders.edit(".copier-answers.yml", "_commit: v1.1.0", "_commit: v1.0.5")
    orders.commit()

    assert "no version v1.0.5" in refusal(orders)


def test_a_service_from_a_commit_between_releases_goes_to_the_next_release(
    template_versions: Template, tmp_path: Path
) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")
    for number in (1, 2):
        (template.folder / "notes.txt").write_text(f"{number}\n")
        commit(template.folder)
        if number == 1:
            orders = Subject(template.service(tmp_path / "orders", "HEAD", database="none"))
    assert orders.update().outcome == UNCHANGED, "the newest release is older than that commit"

    template = template.release("v1.4.0", replace("template/Dockerfile.jinja", "^EXPOSE 8080$", "EXPOSE 8081"))

    assert orders.update().newer == "v1.4.0"
    assert "EXPOSE 8081" in orders.text("Dockerfile")


# --- Putting back ---------------------------------------------------------------------------------


def busy(garage: Garage) -> Subject:
    """A service with edits that conflict, secrets, line ends of Windows in its work tree, and an empty folder."""
    orders = garage.service("v1.0.0")
    orders.edit("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443")
    orders.edit(DROPPED, "writes nothing", "keeps silent")
    orders.write(".env.staging.local", "DATABASE_PASSWORD=kept\n")
    orders.commit()
    compose = orders.path("docker-compose.yml")
    compose.write_bytes(compose.read_bytes().replace(b"\n", b"\r\n"))
    orders.path(".env.example").chmod(0o640)
    git(orders.folder, "add", "docker-compose.yml")
    orders.path("empty").mkdir()
    return orders


def test_abort_puts_everything_back_byte_for_byte(garage: Garage) -> None:
    orders = busy(garage)
    before = orders.state()

    assert orders.update(branch="template").code == 7
    assert orders.state() != before
    orders.updater().abort()

    assert orders.state() == before
    assert orders.path("empty").is_dir()
    assert not Checkout(orders.folder).folder.exists()


def kill(orders: Subject, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Update on a branch, and end as a kill does after some files were written."""
    write = Checkout._put
    done: list[str] = []

    def killed(checkout: Checkout, path: str, *arguments: Any) -> None:
        if len(done) == writes:
            raise SystemExit("killed")
        done.append(path)
        write(checkout, path, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Checkout, "_put", killed)
        with pytest.raises(SystemExit):
            orders.update(branch="template")


@pytest.mark.parametrize("writes", [0, 3, 6])
def test_an_update_that_was_killed_half_way_is_put_back(
    garage: Garage, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    orders = busy(garage)
    before = orders.state()
    kill(orders, monkeypatch, writes)

    orders.updater().abort()

    assert orders.state() == before


@pytest.mark.parametrize("writes", [0, 3, 6])
def test_an_update_that_was_killed_half_way_is_done_again(
    garage: Garage, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    orders = busy(garage)
    kill(orders, monkeypatch, writes)

    report = orders.update(branch="template")

    assert "was put back first" in orders.notes.getvalue()
    assert sorted(report.conflicts) == orders.unmerged() == ["Dockerfile", DROPPED]


def test_work_done_after_an_interruption_is_not_put_back_unasked(
    garage: Garage, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = garage.service("v1.0.0")
    with monkeypatch.context() as patched:
        patched.setattr(Index, "dispute", lambda *_: (_ for _ in ()).throw(SystemExit("killed")))
        with pytest.raises(SystemExit):
            orders.update()
    orders.write("Dockerfile", "FROM scratch\n")

    assert "template.update --abort" in refusal(orders)


def test_an_update_that_is_not_committed_is_in_the_way_of_another(orders: Subject) -> None:
    orders.update()

    assert "template.update --abort" in refusal(orders)


def test_abort_is_refused_where_there_is_nothing_to_put_back(orders: Subject) -> None:
    with pytest.raises(UsageFault, match="no update to put back"):
        orders.updater().abort()


def test_abort_is_refused_once_the_update_is_committed(orders: Subject) -> None:
    orders.update()
    orders.commit()

    with pytest.raises(UsageFault, match="committed"):
        orders.updater().abort()
