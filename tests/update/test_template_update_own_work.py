"""What people wrote and an update meets: edits, renames, files of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service_tasks.engine.template.report import CONFLICTS

from ..support.service import git
from ..support.template_versions import DROPPED, RENAMED, Template, commit, replace
from .updating import OWN_CODE, Garage, Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]

FORMER, NEWER = RENAMED


# --- What people wrote ----------------------------------------------------------------------------


def test_lines_that_both_changed_are_a_conflict_that_is_named_where_it_is(orders: Subject) -> None:
    orders.edit("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443")
    orders.commit()

    report = orders.update()

    assert (report.outcome, report.code) == (CONFLICTS, 7)
    assert list(report.conflicts) == orders.unmerged() == orders.with_markers() == ["Dockerfile"]
    assert "EXPOSE 8443" in orders.text("Dockerfile")
    assert "EXPOSE 8080\n" in orders.text("Dockerfile")
    assert (report.build, report.test) == ("skipped", "skipped")


def test_an_edit_goes_along_where_the_template_renames_the_file(orders: Subject) -> None:
    orders.edit(FORMER, "return router, nil", 'router.GET("/ping", nil)\n\treturn router, nil')
    orders.commit()

    report = orders.update()

    assert 'router.GET("/ping", nil)' in orders.text(NEWER)
    assert not orders.path(FORMER).exists()
    assert FORMER in report.kept[NEWER]


def test_a_file_that_both_renamed_is_a_conflict(orders: Subject) -> None:
    orders.path(FORMER).rename(orders.path("internal/app/paths.go"))
    orders.commit()

    report = orders.update()

    assert report.code == 7
    assert "internal/app/paths.go" in report.conflicts
    assert sorted(report.conflicts) == orders.unmerged()


def test_a_change_finds_a_file_that_the_user_renamed(orders: Subject) -> None:
    orders.path("docker-compose.yml").rename(orders.path("compose.yaml"))
    orders.commit()

    report = orders.update()

    assert "stop_grace_period: 30s" in orders.text("compose.yaml")
    assert not orders.path("docker-compose.yml").exists()
    assert "compose.yaml" in report.changed


def test_an_edited_file_that_the_template_drops_stays_and_is_a_conflict(orders: Subject) -> None:
    orders.edit(DROPPED, "writes nothing", "keeps silent")
    orders.commit()

    report = orders.update()

    assert "no longer has it" in report.conflicts[DROPPED]
    assert "keeps silent" in orders.text(DROPPED)
    assert orders.with_markers() == []
    assert orders.unmerged() == [DROPPED]


@pytest.mark.parametrize("name", ["docker-compose.yml", ".editorconfig"], ids=["changed", "unchanged"])
def test_a_managed_file_that_was_deleted_stays_deleted_and_is_named(orders: Subject, name: str) -> None:
    orders.path(name).unlink()
    orders.commit()

    report = orders.update()

    assert not orders.path(name).exists()
    assert "deleted" in report.kept[name]
    assert report.code == 0


def test_a_deleted_file_does_not_come_back_under_a_new_name(orders: Subject) -> None:
    orders.path(FORMER).unlink()
    orders.commit()

    report = orders.update()

    assert not orders.path(NEWER).exists()
    assert FORMER in report.kept[NEWER]


@pytest.mark.parametrize("tracked", [True, False], ids=["tracked", "ignored"])
def test_an_own_file_where_the_template_brings_one_stays_as_it_is(orders: Subject, tracked: bool) -> None:
    if not tracked:
        orders.write(".git/info/exclude", f"/{NEWER}\n")
    orders.write(NEWER, "package app // my own\n")
    orders.commit()

    report = orders.update()

    assert report.code == 7
    assert orders.text(NEWER) == "package app // my own\n"
    assert "brings a file of this name" in report.conflicts[NEWER]
    assert orders.unmerged() == [NEWER]


def test_an_own_folder_where_the_template_brings_a_file_stays_as_it_is(orders: Subject) -> None:
    orders.write(f"{NEWER}/notes.txt", "mine\n")
    orders.commit()

    report = orders.update()

    assert orders.text(f"{NEWER}/notes.txt") == "mine\n"
    assert "brings a file of this name" in report.conflicts[NEWER]


def test_what_the_user_owns_is_not_touched(orders: Subject) -> None:
    own = {
        ".env.staging.local": "DATABASE_PASSWORD=kept\n",
        "secrets/prod.key": "kept\n",
        "tasks_local.py": "# mine\n",
        "docker-compose.override.yml": "services: {}\n",
        "internal/billing/billing.go": OWN_CODE,
        "internal/order/refund.go": "package order\n",
        "migrations/0002_own.sql": "-- mine\n",
    }
    for name, text in own.items():
        orders.write(name, text)
    orders.commit()

    assert orders.update().code == 0
    assert {name: orders.text(name) for name in own} == own


def test_line_ends_of_windows_stay_and_hide_no_change(orders: Subject) -> None:
    orders.write(".gitattributes", "* -text\n")
    for name in ("Dockerfile", "docker-compose.yml", ".env.dev"):
        orders.path(name).write_bytes(orders.path(name).read_bytes().replace(b"\n", b"\r\n"))
    orders.commit()
    before = orders.everything()

    report = orders.update()

    assert report.conflicts == {}
    assert orders.path("Dockerfile").read_bytes() == before["Dockerfile"].replace(b"8080/tcp", b"8080")
    assert orders.path(".env.dev").read_bytes() == before[".env.dev"]
    assert ".env.dev" not in report.changed


def test_files_may_be_executable_or_linked_and_stay_so(orders: Subject) -> None:
    orders.path("Dockerfile").chmod(0o755)
    orders.path("docker-compose.yml").unlink()
    orders.path("docker-compose.yml").symlink_to("elsewhere.yml")
    orders.commit()

    report = orders.update()

    assert orders.path("Dockerfile").stat().st_mode & 0o111
    assert orders.path("docker-compose.yml").is_symlink()
    assert list(report.conflicts) == ["docker-compose.yml"]


def test_tasks_and_settings_can_be_read_whatever_is_in_dispute(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")

    def change(folder: Path) -> None:
        replace("template/invoke.yaml.jinja", "^healthy_timeout: 60$", "healthy_timeout: 90")(folder)
        replace("template/tasks/env.py", '^"""Tasks on', '"""All tasks on')(folder)

    template = template.release("v1.4.0", change)
    orders = Subject(template.service(tmp_path / "orders", "v1.3.0", database="none"))
    orders.edit("invoke.yaml", "healthy_timeout: 60", "healthy_timeout: 45")
    orders.edit("tasks/env.py", '"""Tasks on', '"""My tasks on')
    orders.commit()

    report = orders.update()

    assert list(report.conflicts) == orders.unmerged() == ["invoke.yaml", "tasks/env.py"]
    assert orders.with_markers() == []
    assert "healthy_timeout: 45" in orders.text("invoke.yaml")
    assert orders.text("tasks/env.py").startswith('"""All tasks on')
    assert git(orders.folder, "show", ":2:tasks/env.py").startswith('"""My tasks on')


def test_an_update_of_the_tasks_alone_meets_nobodys_work(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")

    def change(folder: Path) -> None:
        replace("template/tasks/env.py", '^"""Tasks on', '"""All tasks on')(folder)
        (folder / "template/tasks/engine/core/disk.py").rename(folder / "template/tasks/engine/core/full.py")
        (folder / "template/tasks/more.py").write_text('"""More."""\n')
        (folder / "template/tasks/locking.py").unlink()

    template = template.release("v1.4.0", change)
    orders = Subject(template.service(tmp_path / "orders", "v1.3.0", database="none"))
    mine = [name for name in orders.everything() if not name.startswith("tasks/") and name != ".copier-answers.yml"]
    for name in mine[::2]:
        orders.path(name).write_bytes(b"// mine\n" + orders.path(name).read_bytes())
    for name in (".editorconfig", "internal/app/router.go"):
        orders.path(name).unlink()
    orders.commit()
    before = {name: orders.path(name).read_bytes() for name in mine if orders.path(name).exists()}

    report = orders.update()

    assert (report.code, report.conflicts) == (0, {})
    touched = {*report.added, *report.changed, *report.removed} - {".copier-answers.yml"}
    assert touched == {f"tasks/{name}" for name in ("env.py", "more.py", "locking.py")} | {
        f"tasks/engine/core/{name}.py" for name in ("disk", "full")
    }
    assert {name: content for name, content in orders.everything().items() if name in mine} == before


def test_a_service_in_a_folder_of_a_larger_repository_is_updated_there_alone(garage: Garage, tmp_path: Path) -> None:
    whole = tmp_path / "company"
    shutil.copytree(
        garage.service("v1.0.0").folder, whole / "services" / "orders", ignore=shutil.ignore_patterns(".git")
    )
    (whole / "Dockerfile").write_text("FROM scratch\n")
    git(whole, "init", "--quiet", "--initial-branch=main")
    commit(whole)
    (whole / "notes.txt").write_text("somebody is at work elsewhere\n")
    orders = Subject(whole / "services" / "orders")
    before = git(whole, "status", "--porcelain")

    assert orders.update().code == 0
    assert "EXPOSE 8080\n" in orders.text("Dockerfile")
    assert (whole / "Dockerfile").read_text() == "FROM scratch\n"

    orders.updater().abort()
    assert git(whole, "status", "--porcelain") == before
