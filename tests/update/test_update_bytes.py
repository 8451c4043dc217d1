"""Names and contents of a service that are no UTF-8: left alone, and named where somebody must know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.template.status import read_template_status

from ..support.service import git
from .updating import Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]

LATIN = b"caf\xe9.txt"
SHOWN = "caf\\xe9.txt"


def place(orders: Subject, name: bytes) -> Path:
    """A file by the bytes of its name."""
    return orders.folder / os.fsdecode(name)


@pytest.mark.parametrize("folder", [b"", b"docs/", b"tasks/", b"internal/app/"])
def test_a_name_that_is_no_text_is_left_alone_and_named(orders: Subject, folder: bytes) -> None:
    file = place(orders, folder + LATIN)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"mine\n")
    orders.commit()
    before = orders.state()

    report = orders.update()

    assert report.code == 0
    assert file.read_bytes() == b"mine\n"
    assert "not UTF-8" in report.kept[folder.decode() + SHOWN]
    "\n".join(report.lines()).encode()

    orders.updater().abort()
    assert orders.state() == before


def test_a_file_of_the_template_under_such_a_name_is_left_alone(orders: Subject) -> None:
    orders.path("docker-compose.yml").rename(place(orders, b"compose-\xff.yml"))
    orders.commit()

    report = orders.update()

    assert report.code == 0
    assert b"stop_grace_period: 25s" in place(orders, b"compose-\xff.yml").read_bytes()
    assert "you deleted it" in report.kept["docker-compose.yml"]
    assert "not UTF-8" in report.kept["compose-\\xff.yml"]


def test_such_a_name_that_is_not_committed_is_named(orders: Subject) -> None:
    place(orders, LATIN).write_bytes(b"new\n")

    with pytest.raises(UsageFault) as fault:
        orders.update()

    assert fault.value.details == (SHOWN,)
    assert not read_template_status(orders.folder, "orders").clean


@pytest.mark.parametrize("name", ["Dockerfile", "go.mod", "README.md", "internal/app/routes.go", ".gitignore"])
def test_content_that_is_no_text_comes_through_as_it_is(orders: Subject, name: str) -> None:
    file = orders.path(name)
    comment = b"// caf\xe9 \xff\n" if name.endswith((".go", ".mod")) else b"# caf\xe9 \xff\n"
    file.write_bytes(file.read_bytes() + comment)
    orders.commit()
    before = orders.state()

    report = orders.update()

    assert report.conflicts == {}
    moved = orders.path("internal/app/router.go") if name.endswith("routes.go") else file
    assert comment in moved.read_bytes()
    assert read_template_status(orders.folder, "orders").version == "v1.3.0"

    orders.updater().abort()
    assert orders.state() == before


def test_a_file_in_another_encoding_is_a_conflict_that_is_named(orders: Subject) -> None:
    orders.path("Dockerfile").write_bytes(orders.text("Dockerfile").encode("utf-16"))
    orders.commit()
    before = orders.path("Dockerfile").read_bytes()

    report = orders.update()

    assert list(report.conflicts) == orders.unmerged() == ["Dockerfile"]
    assert orders.path("Dockerfile").read_bytes() == before


def test_a_service_in_a_folder_whose_name_is_no_text_is_updated_there(orders: Subject, tmp_path: Path) -> None:
    whole = tmp_path / "company"
    folder = whole / os.fsdecode(b"caf\xe9 ")
    whole.mkdir()
    orders.folder.rename(folder)
    (folder / ".git").rename(whole / ".git")
    moved = Subject(folder)
    git(whole, "add", "--all")
    Subject(whole).commit()
    before = moved.everything()

    assert moved.update().code == 0
    assert "EXPOSE 8080\n" in moved.text("Dockerfile")

    moved.updater().abort()
    assert moved.everything() == before
