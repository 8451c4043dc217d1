"""The words of the tasks over many services: lists, URLs, two of one name, the number of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from maintain.fleet import read_jobs
from maintain.fleet_sources import Source, read_sources
from service_tasks.engine.core.errors import UsageFault


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("a/orders", "b/orders", "billing"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def named(sources: Sequence[Source]) -> list[str]:
    return [source.name for source in sources]


def test_a_list_may_hold_folders_urls_and_comments(folders: Path) -> None:
    (folders / "a" / "list").write_text(
        "# All of them.\n../billing\norders # here\n\nssh://git@example.com/shop/users.git\n"
    )

    sources = read_sources(["a/list", "git@example.com:shop/carts.git"], folders)

    assert named(sources) == ["billing", "orders", "users", "carts"]
    assert [source.folder for source in sources] == [folders / "billing", folders / "a" / "orders", None, None]


def test_a_service_named_twice_is_done_once_and_two_of_one_name_are_told_apart(folders: Path) -> None:
    assert named(read_sources(["a/orders", "b/orders", "./a/orders/"], folders)) == ["orders", "orders-2"]


@pytest.mark.parametrize("words", [[], ["nowhere"]])
def test_words_that_name_no_service_are_refused(words: list[str], folders: Path) -> None:
    with pytest.raises(UsageFault):
        read_sources(words, folders)


def test_a_wrong_line_of_a_list_is_told_with_its_number(folders: Path) -> None:
    (folders / "list").write_text("billing\nnowhere\n")

    with pytest.raises(UsageFault) as refusal:
        read_sources(["list"], folders)

    assert refusal.value.where == f"{folders / 'list'}:2"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "99"])
def test_a_number_of_jobs_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageFault, match="from 1 to"):
        read_jobs(text)
