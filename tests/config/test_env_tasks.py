"""The tasks that show and check environments: what they print, and that no secret is shown."""

from __future__ import annotations

import json

from maintain.rendering import make_repository, use_target
from service_tasks.engine.core.network import MASK

from ..support.service import Service


def test_check_says_that_all_is_in_order(service: Service) -> None:
    done = service.invoke("env.check")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The configuration of dev, staging, prod is in order.\n"


def test_check_exits_with_2_and_shows_where_and_what(service: Service) -> None:
    with (service.folder / ".env.staging").open("a") as file:
        file.write("LOG_LEVL=info\n")

    done = service.invoke("env.check", "--env=staging")

    assert done.returncode == 2
    assert done.stdout == ""
    assert ".env.staging:" in done.stderr
    assert 'did you mean "LOG_LEVEL"?' in done.stderr
    assert "error: 1 fault" in done.stderr
    assert service.invoke("env.check", "--env=prod").returncode == 0


def test_check_as_json_is_one_document(service: Service) -> None:
    (service.folder / ".env.staging.local").write_text("DATABASE_PASSWORD=changeme\n")

    done = service.invoke("env.check", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "ok": False,
        "findings": [
            {
                "file": ".env.staging.local",
                "line": 1,
                "name": "DATABASE_PASSWORD",
                "message": "still holds a placeholder; give it its real value",
            }
        ],
    }


def test_no_task_shows_a_secret(service: Service) -> None:
    for words in (("env.show", "--env=staging"), ("env.diff", "dev", "staging"), ("env.check", "--json")):
        done = service.invoke(*words)

        assert done.returncode == 0, done.stderr
        assert "hidden-pass-word" not in done.stdout + done.stderr
        assert "for-development-only" not in done.stdout + done.stderr
        if "check" not in words[0]:
            assert MASK in done.stdout


def test_show_says_where_each_value_comes_from(service: Service) -> None:
    rows = {line.split()[0]: line.split() for line in service.invoke("env.show", "--env=staging").stdout.splitlines()}

    assert rows["DATABASE_PASSWORD"] == ["DATABASE_PASSWORD", MASK, ".env.staging.local:1"]
    assert rows["APP_ENV"][1:] == ["staging", ".env.staging:4"]
    assert rows["TRUSTED_PROXIES"][1:] == ["-", "default"]


def test_show_says_where_a_target_decides_and_not_the_files(service: Service) -> None:
    path = service.folder / ".env.staging"
    path.write_text(path.read_text() + "ADMIN_PORT=9191\n")
    dev = service.folder / ".env.dev"
    dev.write_text(dev.read_text() + "ADMIN_PORT=9292\n")

    def rows() -> dict[str, str]:
        lines = service.invoke("env.show", "--env=staging").stdout.splitlines()
        return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}

    shown = rows()
    assert shown["ADMIN_PORT"].startswith("- decided by the docker target, not by .env.staging:")
    assert shown["DRAIN_LEAD"] == "- decided by docker-compose.yml"
    assert "ADMIN_PORT" not in service.invoke("env.diff", "dev", "staging").stdout

    path.write_text(path.read_text() + "DRAIN_LEAD=1s\n")
    assert rows()["DRAIN_LEAD"].startswith("1s .env.staging:")
    use_target(service.folder, "process")
    assert rows()["DRAIN_LEAD"].startswith("- decided by the process target, not by .env.staging:")


def test_diff_shows_what_differs_and_nothing_else(service: Service) -> None:
    lines = service.invoke("env.diff", "staging", "prod").stdout.splitlines()

    assert {line.split()[0] for line in lines} == {"variable", "APP_ENV", "EDGE_PORT", "DATABASE_PASSWORD"}


def test_a_deploy_is_refused_before_anything_happens(service: Service) -> None:
    make_repository(service.folder)
    (service.folder / ".env.staging").write_text("APP_ENV=\nDATABASE_URL=nowhere\n")

    done = service.invoke("deploy", "--env=staging")

    assert done.returncode == 2
    assert "nothing was changed" in done.stderr
    assert "APP_ENV" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert not (service.folder / "dist").exists()


def test_a_schema_that_cannot_be_held_is_a_sentence(service: Service) -> None:
    with (service.folder / ".env.example").open("a") as file:
        file.write("\n# @secret\nNEW=1\n")

    done = service.invoke("env.check")

    assert done.returncode == 2
    assert "@secret is not supported here" in done.stderr
    assert "Traceback" not in done.stderr
