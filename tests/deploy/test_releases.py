"""Releases: their history, the way back to any that is kept, plans that change nothing. On the process target, where a
deploy takes a second; the docker target goes through the same code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ..support.service import EXIT, Service, serving_does

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    made = make_service("process", database="sqlite")
    made.commit("First")
    made.deploy()
    return made


def history(service: Service) -> list[dict[str, Any]]:
    """The documents of history, newest first."""
    done = service.invoke("history", "--env=staging", "--json")
    assert done.returncode == 0, done.stderr
    documents: list[dict[str, Any]] = json.loads(done.stdout)
    return documents


def deploy_level(service: Service, level: str) -> str:
    """Deploy with a log level and give the release's id: a release without a build."""
    service.deploy("--set", f"LOG_LEVEL={level}")
    return str(service.status()["release"]["id"])


def test_history_tells_who_did_what_when_and_how_long_it_took(service: Service) -> None:
    newest = history(service)[0]

    assert newest["action"] == "deploy"
    assert newest["outcome"] == "done"
    assert "@" in newest["by"]
    assert newest["at"].endswith("Z")
    assert newest["seconds"]["build"] > 0
    assert newest["release"]["id"] == service.status()["release"]["id"]
    assert newest["release"]["dirty"] is False
    assert newest["release"]["values"]["APP_ENV"] == "staging"
    assert newest["release"]["artefact"].startswith("sha256:")


def test_a_failed_deploy_is_in_the_history_with_its_reason_and_leaves_the_way_back(service: Service) -> None:
    first = service.status()["release"]["id"]
    second = deploy_level(service, "debug")
    with serving_does(service, EXIT):
        assert service.invoke("deploy", "--env=staging").returncode == 5

    failed = history(service)[0]
    assert failed["outcome"] == "failed"
    assert "exited at its start" in failed["reason"]
    assert service.status()["release"]["id"] == second

    done = service.invoke("rollback", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert service.status()["release"]["id"] == first


def test_each_rollback_goes_further_back_and_ends_at_the_oldest_kept(service: Service) -> None:
    first = service.status()["release"]["id"]
    second = deploy_level(service, "warn")
    deploy_level(service, "error")

    for expected in (second, first):
        assert service.invoke("rollback", "--env=staging").returncode == 0
        assert service.status()["release"]["id"] == expected

    assert history(service)[0]["action"] == "rollback"


def test_rollback_to_an_id_goes_forward_too(service: Service) -> None:
    newest = max(record["release"]["id"] for record in history(service) if record["outcome"] == "done")

    done = service.invoke("rollback", "--env=staging", f"--to={newest}")

    assert done.returncode == 0, done.stderr
    assert service.status()["release"]["id"] == newest


def test_rollback_restores_the_configuration_of_the_release(service: Service) -> None:
    deploy_level(service, "debug")
    deploy_level(service, "error")

    service.invoke("rollback", "--env=staging")

    environment = service.invoke("exec", "--env=staging", "--", "env").stdout
    assert "LOG_LEVEL=debug" in environment


def test_rollback_to_what_was_never_deployed_is_refused(service: Service) -> None:
    done = service.invoke("rollback", "--env=staging", "--to=20200101T000000000-abcdef0")

    assert done.returncode == 5
    assert "there is no release 20200101T000000000-abcdef0 to return to" in done.stderr
    assert "history" in done.stderr


def test_rollback_to_the_release_that_serves_is_refused(service: Service) -> None:
    live = service.status()["release"]["id"]

    done = service.invoke("rollback", "--env=staging", f"--to={live}")

    assert done.returncode == 2
    assert "serves already" in done.stderr


def test_a_deploy_plan_shows_the_difference_and_changes_nothing(service: Service) -> None:
    before = service.status(), history(service)
    (service.folder / "migrations" / "0002_note.sql").write_text(
        "-- +goose Up\nALTER TABLE orders ADD COLUMN note TEXT;\n"
    )

    done = service.invoke("deploy", "--env=staging", "--plan", "--json", "--set", "TRUSTED_PROXIES=10.0.0.0/8")
    plan = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert plan["added"] == {"TRUSTED_PROXIES": "10.0.0.0/8"}
    assert plan["migrations"] == ["0002_note.sql"]
    assert plan["steps"][0] == "check"
    assert "-dirty." in plan["wanted"]
    assert (service.status(), history(service)) == before


def test_a_rollback_plan_names_migrations_that_have_no_way_back(service: Service) -> None:
    path = service.folder / "migrations" / "0002_note.sql"
    path.write_text("-- +goose Up\n-- irreversible: old rows have no note\nALTER TABLE orders ADD COLUMN note TEXT;\n")
    service.deploy()
    before = service.status(), history(service)

    done = service.invoke("rollback", "--env=staging", "--plan", "--json")
    plan = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert plan["migrations"] == ["0002_note.sql stays applied"]
    assert plan["irreversible"] == ["0002_note.sql"]
    assert (service.status(), history(service)) == before


def test_up_after_down_starts_the_release_that_served_and_not_the_work_tree(service: Service) -> None:
    version = service.get("/version").body
    service.edit("api/openapi.yaml", "openapi: 3.1", "# not deployed\nopenapi: 3.1")
    assert service.invoke("down", "--env=staging").returncode == 0
    assert service.status()["state"] == "down"

    done = service.invoke("up", "--env=staging")

    assert done.returncode == 0, done.stderr
    assert "Started" in done.stdout
    assert service.get("/version").body == version


def test_only_the_last_good_releases_are_kept(service: Service) -> None:
    oldest = history(service)[-1]["release"]["id"]
    for lead in range(6):
        service.deploy("--set", f"DRAIN_LEAD={lead}s")

    kept = service.state / "copier-gin" / f"{service.folder.name}-staging" / "kept"
    done = service.invoke("rollback", "--env=staging", f"--to={oldest}")

    assert len(list(kept.iterdir())) == 5
    assert done.returncode == 5
    assert f"release {oldest} cannot be started again: its binary was removed" in done.stderr
    assert "git checkout" in done.stderr


def test_a_deploy_that_waits_for_the_lock_follows_the_other(service: Service) -> None:
    with serving_does(service, "for {\n\t\t}"):
        first = service.start("deploy", "--env=staging", "--timeout=4")
        assert first.stdout
        next(line for line in first.stdout if " start " in line)
    refused = service.invoke("deploy", "--env=staging")
    waited = service.invoke("deploy", "--env=staging", "--lock-wait=30")
    first.communicate()

    assert first.returncode == 5
    assert refused.returncode == 6
    assert "--lock-wait" in refused.stderr
    assert waited.returncode == 0, waited.stderr
