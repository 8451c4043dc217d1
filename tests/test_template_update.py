"""An update brings what the template changed, loses nothing that the service's people wrote, and names the rest."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.errors import MissingFault, UsageFault
from service_tasks.engine.template.record import Checkout
from service_tasks.engine.template.report import CONFLICTS, UNCHANGED, UPDATED
from service_tasks.engine.template.update import Wanted

from .support import ROOT, Service, git
from .template_versions import DROPPED, RENAMED, Template, commit, replace
from .updating import OWN_CODE, Garage, Subject, nothing_proved

pytestmark = pytest.mark.slow

FORMER, NEWER = RENAMED


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """These tests are about files; the matrix builds."""
    with nothing_proved():
        yield


@pytest.fixture
def orders(garage: Garage) -> Subject:
    """A service made from the first release."""
    return garage.service("v1.0.0")


# --- What comes -----------------------------------------------------------------------------------


def test_an_untouched_service_becomes_what_a_fresh_copy_is_but_for_what_is_seeded(garage: Garage) -> None:
    for version in garage.template.earlier:
        orders = garage.service(version)

        report = orders.update()

        assert (report.outcome, report.code, report.former, report.newer) == (UPDATED, 0, version, "v1.3.0")
        fresh, now = garage.fresh("v1.3.0"), orders.everything()
        differing = {name for name in fresh | now if fresh.get(name) != now.get(name)}
        assert differing == {"internal/order/order.go"}
        assert "seeded" in report.kept["internal/order/order.go"]


def test_every_file_is_listed_under_what_became_of_it(orders: Subject) -> None:
    before = orders.everything()

    report = orders.update()

    now = orders.everything()
    assert report.added == [NEWER] == sorted(set(now) - set(before))
    assert sorted(report.removed) == sorted([FORMER, DROPPED]) == sorted(set(before) - set(now))
    assert sorted(report.changed) == [name for name in before if name in now and before[name] != now[name]]
    assert report.conflicts == {}


def test_new_modules_and_newer_versions_come_and_own_ones_stay(orders: Subject) -> None:
    orders.edit("go.mod", "require (\n", "require (\n\texample.com/own/module v1.2.3\n")
    orders.edit("go.mod", "client_golang v1.", "client_golang v1.9")
    own_version = next(line for line in orders.text("go.mod").splitlines() if "client_golang" in line)
    orders.commit()

    report = orders.update()

    text = orders.text("go.mod")
    assert "\texample.com/own/module v1.2.3\n" in text
    assert own_version in text.splitlines(), "a newer version than the template's was lowered"
    assert [(one.path, one.former) for one in report.modules] == [
        ("github.com/gin-gonic/gin", "v1.9.0"),
        ("github.com/goccy/go-yaml", ""),
    ]


def test_variables_that_the_schema_adds_are_told_for_every_environment(orders: Subject) -> None:
    assert orders.update().variables == {
        environment: {"added": ["LISTEN_HOST"], "dropped": []} for environment in ("dev", "staging", "prod")
    }


def test_the_changelog_between_both_versions_is_shown(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")
    log = "# Changelog\n\n## [1.4.0]\n\nFour.\n\n## [1.3.0]\n\nThree.\n\n## [1.2.0]\n\nTwo.\n\n## [1.1.0]\n\nOne.\n"
    template = template.release("v1.4.0", lambda folder: (folder / "CHANGELOG.md").write_text(log))
    orders = Subject(template.service(tmp_path / "orders", "v1.1.0", database="none"))

    assert orders.update().changelog == "## [1.4.0]\n\nFour.\n\n## [1.3.0]\n\nThree.\n\n## [1.2.0]\n\nTwo."


def test_nothing_newer_is_said_and_changes_nothing(garage: Garage) -> None:
    orders = garage.service("v1.3.0")
    before = orders.state()

    report = orders.update()

    assert (report.outcome, report.code, report.former, report.newer) == (UNCHANGED, 0, "v1.3.0", "v1.3.0")
    assert orders.state() == before


def test_a_version_between_can_be_chosen_and_the_rest_comes_later(orders: Subject) -> None:
    assert orders.update("1.1.0").newer == "v1.1.0"
    assert orders.path(FORMER).exists()
    orders.commit()

    assert orders.update().former == "v1.1.0"
    assert orders.path(NEWER).exists()


def test_a_branch_is_made_for_the_update(orders: Subject) -> None:
    report = orders.update(branch="template-v1.3.0")

    assert report.branch == "template-v1.3.0"
    assert git(orders.folder, "branch", "--show-current").strip() == "template-v1.3.0"


def test_a_dry_run_tells_and_changes_nothing(orders: Subject) -> None:
    before = orders.state()
    updater = orders.updater(dry=True)

    assert updater.update(Wanted()).added == [NEWER]
    assert orders.state() == before


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


# --- Other answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "two"), [("none", "sqlite"), ("sqlite", "none"), ("postgres", "sqlite")])
def test_another_database_gives_what_a_fresh_copy_with_it_has(garage: Garage, one: str, two: str) -> None:
    orders = garage.service("v1.3.0", database=one)
    orders.write("internal/billing/billing.go", OWN_CODE)
    orders.commit()

    report = orders.update(database=two)

    expected = {**garage.fresh("v1.3.0", database=two), "internal/billing/billing.go": OWN_CODE.encode()}
    now = orders.everything()
    assert report.code == 0
    # go.mod and go.sum still have what go mod tidy would drop.
    assert {name for name in expected | now if expected.get(name) != now.get(name)} <= {"go.mod", "go.sum"}


def test_another_database_leaves_an_edited_store_and_names_it(garage: Garage) -> None:
    orders = garage.service("v1.0.0", database="sqlite")
    orders.edit("internal/order/sqlite.go", "package order", "package order // mine")
    orders.commit()

    report = orders.update(database="none")

    assert "package order // mine" in orders.text("internal/order/sqlite.go")
    assert "you changed it" in report.kept["internal/order/sqlite.go"]


def test_an_edited_seeded_file_takes_the_changes_of_another_answer(garage: Garage) -> None:
    orders = garage.service("v1.3.0", license="none")
    orders.edit("README.md", "# orders\n", "# orders\n\nOur own words.\n")
    orders.commit()

    report = orders.update(license="mit")

    assert report.conflicts == {}
    assert "Our own words." in orders.text("README.md")
    assert "MIT, see `LICENSE`." in orders.text("README.md")
    assert orders.path("LICENSE").exists()


def test_answers_can_change_without_another_version(orders: Subject) -> None:
    report = orders.update("v1.0.0", license="none")

    assert (report.outcome, report.former, report.newer) == (UPDATED, "v1.0.0", "v1.0.0")
    assert "LICENSE" in report.removed


def test_the_same_answers_again_change_nothing(garage: Garage) -> None:
    assert garage.service("v1.3.0").update(license="mit").outcome == UNCHANGED


def test_a_go_release_that_the_template_left_behind_is_raised(template_versions: Template, tmp_path: Path) -> None:
    template = template_versions.copy(tmp_path / "copier-gin")
    template = template.release("v1.4.0", replace("copier.yml", 'default: "1.26"', 'default: "1.27"'))
    orders = Subject(template.service(tmp_path / "orders", "v1.3.0", database="none"))

    report = orders.update()

    assert "golang:1.27" in orders.text("Dockerfile")
    assert [(one.path, one.former, one.newer) for one in report.modules] == [("go", "1.26.0", "1.27.0")]


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
        patched.setattr(Checkout, "_dispute", lambda *_: (_ for _ in ()).throw(SystemExit("killed")))
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


# --- The tasks ------------------------------------------------------------------------------------


def invoke(orders: Subject, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a task of the service itself, as a user would."""
    return Service(orders.folder, orders.folder.parent / "state", env=env).invoke(*words)


def without_go(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing leads to a Go toolchain."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "go").exists()]
    return {"PATH": os.pathsep.join(folders), "XDG_CACHE_HOME": str(tmp_path)}


def test_the_task_says_what_came_and_that_nothing_is_proven_without_go(orders: Subject, tmp_path: Path) -> None:
    done = invoke(orders, "template.update", "--json", **without_go(tmp_path))

    document = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    assert list(document) == [
        *("service", "from", "to", "outcome", "added", "changed", "removed", "conflicts", "kept", "variables"),
        *("modules", "checks", "branch", "changelog", "error"),
    ]
    assert document["outcome"] == "updated"
    assert document["checks"] == {"build": "skipped", "test": "skipped"}
    assert "no Go here" in document["error"]
    assert "github.com/gin-gonic/gin v1.12" in orders.text("go.mod")


def test_the_task_ends_with_7_and_names_conflicts_and_puts_back(orders: Subject) -> None:
    orders.edit("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443")
    orders.commit()
    before = orders.state()

    done = invoke(orders, "template.update")
    assert done.returncode == 7, done.stdout + done.stderr
    assert "CONFLICT   Dockerfile: the template changed lines that you changed too" in done.stdout
    assert "error: 1 file could not be merged" in done.stderr

    done = invoke(orders, "template.update", "--abort")
    assert done.returncode == 0, done.stderr
    assert "everything is as it was" in done.stdout
    shutil.rmtree(orders.folder / "tasks" / "__pycache__", ignore_errors=True)
    for cache in orders.folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    assert orders.state() == before


def test_a_refusal_is_a_document_too(orders: Subject) -> None:
    orders.write("notes.txt", "new\n")

    done = invoke(orders, "template.update", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 2
    assert document["outcome"] == "failed"
    assert "notes.txt" in document["error"]


def test_an_answer_is_given_as_an_assignment(orders: Subject) -> None:
    done = invoke(orders, "template.update", "--set", "sqlite")

    assert done.returncode == 2
    assert "not ANSWER=VALUE" in done.stderr


SESSION = re.compile(r"^```shell-session\n\$ \./inv (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_documentation_shows_what_an_update_prints(orders: Subject) -> None:
    """The session in docs/update.md, with the build and the tests; an ellipsis stands for anything."""
    [(words, shown)] = SESSION.findall((ROOT / "docs" / "update.md").read_text())
    lines = [re.escape(line).replace("…", ".*") for line in shown.splitlines()]
    expected = "\n".join(lines).replace("\n.*\n", "\n(?s:.*)\n").removesuffix("\n.*")

    done = invoke(orders, *words.split())

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(expected, done.stdout), done.stdout
