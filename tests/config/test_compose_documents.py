"""What the tasks hand to Compose: values as they are, secrets as names of files and nowhere as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.build.source import BuildInfo
from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.settings import Environment, Settings
from service_tasks.engine.deploy.releases import Release, new_release
from service_tasks.engine.docker.compose import ComposeProject
from service_tasks.engine.docker.endpoint import LOCAL, Endpoint

DATABASE_SECRET = "s3cret-of-the-database"
KEY_SECRET = "s3cret $HOME ${OTHER} \"quoted\" 'twice'"
SCHEMA = """\
# @required
APP_ENV=dev

HTTP_PORT=8080

ADMIN_PORT=9090

LISTEN_HOST=

GREETING=

# @sensitive
DATABASE_PASSWORD=

# @sensitive
API_KEY=

EDGE_PORT=8080

EDGE_IMAGE=haproxy:3.2
"""
IMAGE = "sha256:0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a service's configuration."""
    root = tmp_path / "orders"
    root.mkdir()
    (root / ".env.example").write_text(SCHEMA)
    (root / ".env.staging").write_text("APP_ENV=staging\nHTTP_PORT=1234\nEDGE_PORT=8081\nGREETING='$5 ${HOME} $$'\n")
    local = f"DATABASE_PASSWORD={DATABASE_SECRET}\nAPI_KEY={json.dumps(KEY_SECRET)}\n"
    (root / ".env.staging.local").write_text(local)
    (root / "docker-compose.yml").write_text("services: {}\n")
    return root


def project(folder: Path, database: str = "postgres") -> ComposeProject:
    """The compose project of staging."""
    environment = Environment("staging")
    settings = Settings("orders", database, {"staging": environment})
    configuration = Environments(folder, ["staging"]).configuration(environment)
    return ComposeProject(folder, folder.parent / "state" / "orders-staging", settings, configuration, Endpoint(LOCAL))


def release(of: ComposeProject) -> Release:
    """A release that is about to be started."""
    info = BuildInfo("orders", "staging", "v1.2.3", "0123abc" * 5, "2026-01-02T03:04:05Z")
    return new_release(info, IMAGE, of.configuration, "hash")


def read(path: Path) -> Any:
    """A document as Compose reads it."""
    return json.loads(path.read_text())


def slot_document(of: ComposeProject) -> tuple[Release, Any]:
    """The additions for the green slot."""
    made = release(of)
    of.write_stack()
    return made, read(
        of.write_slot("green", made.id, "volume-of-the-release", of.service_document(made.artefact, made.id))
    )


def modes(folder: Path) -> dict[str, int]:
    """The modes of everything in a folder, itself included."""
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}


def test_no_secret_is_in_a_command_line_an_environment_or_a_document(folder: Path) -> None:
    stack = project(folder)
    slot_document(stack)

    handed_over = [*stack.argv("up"), *stack.env().values()]
    documents = [path for path in stack.state.rglob("*") if path.is_file()]
    assert len(documents) >= 3
    for text in [*handed_over, *(path.read_text() for path in documents)]:
        assert DATABASE_SECRET not in text
        assert "s3cret" not in text


def mounts(service: Any) -> list[tuple[str, str, bool]]:
    """What a service mounts, where, and whether that is only to be read."""
    return [(mount["source"], mount["target"], mount["read_only"]) for mount in service["volumes"]]


def test_a_slots_secrets_are_files_in_memory_in_a_folder_of_its_release(folder: Path) -> None:
    stack = project(folder)

    made, document = slot_document(stack)

    service = document["services"]["app-green"]
    assert document["volumes"] == {
        "release": {"name": "volume-of-the-release", "external": True},
        "secrets-memory": {"name": f"{stack.name}_secrets-memory", "external": True},
    }
    assert mounts(service) == [("release", "/run/release", True), ("secrets-memory", "/run/secrets", True)]
    assert service["environment"]["API_KEY_FILE"] == f"/run/secrets/{made.id}/API_KEY"
    assert "API_KEY" not in service["environment"]


def test_a_release_from_before_there_was_a_keeper_has_its_secrets_in_its_own_volume(folder: Path) -> None:
    stack = project(folder)
    older = {"image": "sha256:one", "environment": {"API_KEY_FILE": "/run/secrets/API_KEY"}}

    document = read(stack.write_slot("green", "20260101T000000000-abc", "its-volume", older))

    assert document["volumes"] == {"release": {"name": "its-volume", "external": True}}
    assert mounts(document["services"]["app-green"]) == [("release", "/run/secrets", True)]


def test_what_is_written_is_readable_by_its_owner_alone(folder: Path) -> None:
    stack = project(folder)
    slot_document(stack)

    found = modes(stack.state)
    assert found.pop(".") == 0o700
    assert set(found.values()) == {0o600, 0o700}
    assert [name for name in found if Path(name).name.startswith(".")] == [], "drafts are left"


def test_a_loose_mode_is_tightened(folder: Path) -> None:
    stack = project(folder)
    stack.state.mkdir(parents=True)
    stack.state.chmod(0o755)

    slot_document(stack)

    assert modes(stack.state)["."] == 0o700


def test_a_dollar_sign_reaches_the_service_as_it_is(folder: Path) -> None:
    _, document = slot_document(project(folder))

    assert document["services"]["app-green"]["environment"]["GREETING"] == "$$5 $${HOME} $$$$"


def test_ports_inside_a_container_are_the_stacks_choice(folder: Path) -> None:
    _, document = slot_document(project(folder))

    assert set(document["services"]["app-green"]["environment"]) == {
        "APP_ENV",
        "GREETING",
        "API_KEY_FILE",
        "DATABASE_PASSWORD_FILE",
    }


def test_a_slot_carries_its_image_and_labels(folder: Path) -> None:
    made, document = slot_document(project(folder))

    assert set(document["services"]) == {"app-green", "migrate"}
    assert document["services"]["app-green"]["image"] == IMAGE
    assert document["services"]["migrate"]["image"] == IMAGE
    labels = document["services"]["app-green"]["labels"]
    assert labels == {
        "copier-gin.service": "orders",
        "copier-gin.env": "staging",
        "copier-gin.release": made.id,
        "copier-gin.slot": "green",
    }


def test_migrations_have_the_slots_values(folder: Path) -> None:
    _, document = slot_document(project(folder))
    slot, migrate = document["services"]["app-green"], document["services"]["migrate"]

    assert migrate["environment"] == slot["environment"]
    assert migrate["volumes"] == slot["volumes"]


def test_a_service_without_a_database_has_no_migration_and_no_database(folder: Path) -> None:
    stack = project(folder, database="none")
    _, document = slot_document(stack)

    assert set(document["services"]) == {"app-green"}
    assert set(read(stack.write_stack())["services"]) == {"edge"}
    assert stack.services == ["edge"]


def test_the_templates_services_are_told_from_the_users_own(folder: Path) -> None:
    always = {"edge", "migrate", "secret-keeper", "app-blue", "app-green"}

    assert project(folder).template_services == {*always, "database"}
    assert project(folder, database="none").template_services == always


def test_a_database_elsewhere_does_not_make_the_stacks_own_the_users(folder: Path) -> None:
    (folder / ".env.example").write_text(f"{SCHEMA}\nDATABASE_URL=postgres://orders@elsewhere:5432/orders\n")

    assert project(folder).services == ["edge"]
    assert "database" in project(folder).template_services


def test_a_command_line_names_the_project_its_files_and_no_file_of_values(folder: Path) -> None:
    stack = project(folder)
    slot_file = folder / "slot-green.json"
    argv = stack.argv("up", "--detach", slot_file=slot_file)

    assert argv[:2] == ["docker", "compose"]
    assert argv[argv.index("--project-name") + 1] == "orders-staging"
    assert argv[argv.index("--project-directory") + 1] == str(folder)
    given = [argv[at + 1] for at, word in enumerate(argv) if word == "--file"]
    assert given == [str(folder / "docker-compose.yml"), str(stack.write_stack()), str(slot_file)]
    assert Path(argv[argv.index("--env-file") + 1]).read_text() == ""
    assert argv[-2:] == ["up", "--detach"]


def test_the_users_override_comes_after_the_templates_file(folder: Path) -> None:
    (folder / "docker-compose.override.yml").write_text("services: {}\n")

    stack = project(folder)
    argv = stack.argv("up")

    given = [Path(argv[at + 1]).name for at, word in enumerate(argv) if word == "--file"]
    assert given == ["docker-compose.yml", "docker-compose.override.yml", stack.write_stack().name]


def test_a_file_that_a_command_may_be_reading_never_changes(folder: Path) -> None:
    stack = project(folder)
    made = release(stack)
    first = stack.write_slot("green", made.id, "volume", stack.service_document("sha256:one", made.id))
    text = first.read_text()

    second = stack.write_slot("green", made.id, "volume", stack.service_document("sha256:two", made.id))

    assert second != first
    assert first.read_text() == text


def test_files_that_no_command_can_be_reading_any_more_are_removed(folder: Path) -> None:
    stack = project(folder)
    for number in range(50):
        newest = stack.write_slot("green", str(number), "volume", {})

    left = list(newest.parent.iterdir())
    assert newest in left
    assert len(left) <= 20


def test_the_shells_own_variables_do_not_change_a_deploy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_PORT", "1")
    monkeypatch.setenv("APP_IMAGE", "evil")
    monkeypatch.setenv("COMPOSE_FILE", "evil.yml")
    monkeypatch.setenv("DOCKER_HOST", "ssh://host")

    env = project(folder).env()

    assert env["EDGE_PORT"] == "8081"
    assert "APP_IMAGE" not in env
    assert "COMPOSE_FILE" not in env
    assert env["DOCKER_HOST"] == "ssh://host", "the engine itself is the shell's choice"


def test_the_fingerprint_changes_with_values_and_compose_files(folder: Path) -> None:
    before = project(folder).fingerprint()
    assert project(folder).fingerprint() == before

    seen = {before}
    for name in (".env.staging", ".env.staging.local", "docker-compose.yml", "docker-compose.override.yml"):
        path = folder / name
        text = path.read_text() if path.exists() else ""
        path.write_text(text.replace("s3cret", "other").replace("8081", "8082") + "# changed\n")
        seen.add(project(folder).fingerprint())

    assert len(seen) == 5
    assert "s3cret" not in "".join(seen)
