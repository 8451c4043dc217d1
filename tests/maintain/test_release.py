"""A release is a tag that is made only where everything that it promises holds, and that stays where it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from maintain import release as releases
from maintain.release import release, supported_from
from maintain.replay import replay
from service_tasks.engine.core.errors import BuildFault, UsageFault
from service_tasks.engine.template.versions import version_key

from ..support.service import ROOT, git
from ..support.template_versions import Template, commit

CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-23

### Added

- A queue.

### What you must do

Nothing.

## [1.1.0] - 2026-10-01

### What you must do

Nothing.
"""
MATRIX = "def test_updates() -> None:\n    pass\n"
Write = Callable[[str, str], None]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A template on main that is ready for version 1.2.0, after 1.1.0."""
    folder = tmp_path / "template"
    (folder / "maintain").mkdir(parents=True)
    (folder / releases.MATRIX).parent.mkdir(parents=True)
    (folder / releases.SUPPORTED).write_text('{"supported_from": "1.2.0"}')
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (folder / releases.MATRIX).write_text(MATRIX)
    (folder / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Maintainer")
    git(folder, "config", "user.email", "maintainer@example.com")
    commit(folder, "Before", "v1.1.0")
    commit(folder, "Prepare 1.2.0")
    return folder


@pytest.fixture
def write(repository: Path) -> Write:
    """Change a file of the template and commit it."""

    def change(name: str, text: str) -> None:
        (repository / name).write_text(text)
        commit(repository)

    return change


def tags(folder: Path) -> list[str]:
    return git(folder, "tag", "--list").split()


def refusal(folder: Path, version: str = "1.2.0") -> str:
    """Why a release is refused; nothing was tagged."""
    before = tags(folder)
    with pytest.raises(UsageFault) as refused:
        release(folder, version, dry=False)
    assert tags(folder) == before
    return str(refused.value)


def test_a_release_is_an_annotated_tag_that_says_what_the_changelog_says(repository: Path) -> None:
    release(repository, "1.2.0", dry=False)

    assert git(repository, "cat-file", "-t", "v1.2.0").strip() == "tag"
    assert git(repository, "rev-parse", "v1.2.0^{commit}") == git(repository, "rev-parse", "HEAD")
    message = git(repository, "tag", "--list", "--format=%(contents)", "v1.2.0")
    assert "- A queue." in message
    assert "### What you must do" in message
    assert "1.1.0" not in message


def test_a_release_changes_no_file(repository: Path) -> None:
    before = git(repository, "rev-parse", "HEAD")

    release(repository, "1.2.0", dry=False)

    assert git(repository, "rev-parse", "HEAD") == before
    assert git(repository, "status", "--porcelain") == ""


def test_a_dry_run_says_what_would_happen_and_tags_nothing(
    repository: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write(releases.MATRIX, "def test_updates() -> None:\n    raise AssertionError\n")

    release(repository, "1.2.0", dry=True)

    said = capsys.readouterr().out
    assert "would: run tests/update/test_update_matrix.py" in said
    assert f"would: tag {git(repository, 'rev-parse', '--short=12', 'HEAD').strip()}" in said
    assert tags(repository) == ["v1.1.0"]


@pytest.mark.parametrize("version", ["1.2", "v1.2.0", "1.2.0-rc.1", "01.2.0", "1.2.0.post1", "newest", "1.2.0\n", ""])
def test_a_version_that_is_none_is_refused(repository: Path, version: str) -> None:
    assert "is not a version" in refusal(repository, version)


@pytest.mark.parametrize("version", ["1.0.9", "1.1.0rc1", "0.9.0"])
def test_a_version_that_does_not_come_after_the_last_one_is_refused(repository: Path, version: str) -> None:
    assert f"{version} does not come after v1.1.0" in refusal(repository, version)


def test_a_tag_that_is_there_stays_where_it_is(repository: Path) -> None:
    before = git(repository, "rev-parse", "v1.1.0")

    assert "the tag v1.1.0 is there already" in refusal(repository, "1.1.0")
    assert git(repository, "rev-parse", "v1.1.0") == before


def test_a_candidate_comes_before_its_release(repository: Path, write: Write) -> None:
    write("CHANGELOG.md", CHANGELOG.replace("[1.2.0]", "[1.2.0rc1]"))
    write("pyproject.toml", '[project]\nversion = "1.2.0rc1"\n')
    release(repository, "1.2.0rc1", dry=False)
    write("CHANGELOG.md", CHANGELOG)
    write("pyproject.toml", '[project]\nversion = "1.2.0"\n')

    release(repository, "1.2.0", dry=False)

    assert tags(repository) == ["v1.1.0", "v1.2.0", "v1.2.0rc1"]


def test_another_branch_is_refused(repository: Path) -> None:
    git(repository, "switch", "--quiet", "--create", "feature")

    assert "releases are made on main, and feature is checked out" in refusal(repository)


def test_changes_that_are_not_committed_are_refused(repository: Path) -> None:
    (repository / "copier.yml").write_text("")

    assert "not committed: copier.yml" in refusal(repository)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("## [1.2.0] - 2026-11-23\n", "", "no section for it: rename [Unreleased] to [1.2.0]"),
        (" - 2026-11-23", "", "give the section a date"),
        ("- A queue.\n\n### What you must do\n\nNothing.\n", "", 'has no "### What you must do"'),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- Not told.\n", "[Unreleased] is not empty"),
    ],
)
def test_a_changelog_that_does_not_tell_of_the_release_is_refused(
    repository: Path, write: Write, old: str, new: str, told: str
) -> None:
    write("CHANGELOG.md", CHANGELOG.replace(old, new, 1))

    assert told in refusal(repository)


def test_a_section_without_a_word_is_refused(repository: Path, write: Write) -> None:
    write("CHANGELOG.md", "# Changelog\n\n## [1.2.0] - 2026-11-23\n\n## [1.1.0] - 2026-10-01\n\nMore.\n")

    assert "the section for 1.2.0 says nothing" in refusal(repository)


def test_another_version_in_the_project_file_is_refused(repository: Path, write: Write) -> None:
    write("pyproject.toml", '[project]\nversion = "1.1.0"\n')

    assert "pyproject.toml says version 1.1.0" in refusal(repository)


def test_all_that_is_wrong_is_told_at_once(repository: Path, write: Write) -> None:
    write("CHANGELOG.md", "# Changelog\n")
    (repository / "copier.yml").write_text("")

    said = refusal(repository)

    assert "not committed" in said
    assert "no section for it" in said


def test_an_update_that_does_not_hold_leaves_no_tag(repository: Path, write: Write) -> None:
    write(releases.MATRIX, "def test_updates() -> None:\n    raise AssertionError\n")

    with pytest.raises(BuildFault):
        release(repository, "1.2.0", dry=False)

    assert tags(repository) == ["v1.1.0"]


@pytest.fixture(scope="module")
def template(template_versions: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template itself, with earlier releases, the last but one of which is the oldest that is supported."""
    template = template_versions.copy(tmp_path_factory.mktemp("template") / "copier-gin")
    (template.folder / releases.SUPPORTED).write_text('{"supported_from": "1.2.0"}')
    commit(template.folder)
    return template


@pytest.mark.slow
def test_services_of_the_supported_releases_are_updated_before_anything_is_tagged(
    template: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    supported = releases.supported_releases(template.folder)

    results = replay(template.folder, "v1.4.0", supported[:1])

    assert supported == ["v1.2.0", "v1.3.0"]
    assert [(result.name, result.outcome, result.update["to"]) for result in results] == [
        ("v1.2.0", "updated", "v1.4.0")
    ]
    assert "v1.4.0" not in tags(template.folder)
    assert list((tmp_path / "state").rglob("*.json")) == []


# --- What releases and bots rely on ---------------------------------------------------------------


def test_the_oldest_supported_version_is_not_newer_than_this_one() -> None:
    stated = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    oldest, this = version_key(supported_from(ROOT)), version_key(stated[1] if stated else "")
    assert oldest and this
    assert oldest <= this


def test_the_oldest_supported_version_is_the_one_that_is_documented() -> None:
    assert f"from {supported_from(ROOT)} on" in (ROOT / "docs" / "update.md").read_text()


def test_a_bot_can_update_a_service_as_nothing_asks_for_trust() -> None:
    settings = yaml.safe_load((ROOT / "copier.yml").read_text())

    assert {"_tasks", "_migrations", "_jinja_extensions"} & set(settings) == set()


def test_a_bot_finds_the_record_of_a_service_under_its_usual_name() -> None:
    settings = yaml.safe_load((ROOT / "copier.yml").read_text())

    assert re.search(r"(^|/)\.copier-answers(\..+)?\.ya?ml", settings["_answers_file"])
    assert (ROOT / "template" / "{{_copier_conf.answers_file}}.jinja").exists()


def test_a_bot_can_answer_no_question_so_each_has_a_default() -> None:
    questions = yaml.safe_load((ROOT / "copier.yml").read_text())

    assert [name for name, one in questions.items() if name[0] != "_" and "default" not in one] == []


def test_no_answer_is_a_secret_so_that_the_record_keeps_all_of_them_for_updates() -> None:
    questions = yaml.safe_load((ROOT / "copier.yml").read_text())

    assert [name for name, one in questions.items() if name[0] != "_" and one.get("secret")] == []
    assert "_secret_questions" not in questions


def test_every_version_that_can_be_released_is_a_tag_that_bots_and_copier_can_order() -> None:
    from packaging.version import Version

    for version in ("0.1.0", "1.2.0rc1", "10.0.0"):
        assert releases.NUMBER.fullmatch(version)
        assert str(Version(f"v{version}")) == version
