"""Which names of images an environment gives up: its own, and never what another one could return to."""

from __future__ import annotations

from service_tasks.engine.docker.images import without

OLD, NEW = "20261123T191634052-b2de10a", "20261123T191645952-8ec4617"
PUBLISHED = "registry.example.com/team/orders:8ec4617"


def given_up(images: dict[str, list[str]], kept: set[str], release: str = NEW, env: str = "prod") -> list[str]:
    """What goes where one release of an environment is kept."""
    return without(images, "orders", env, kept, {f"orders:{env}-{release}"})


def test_what_no_release_keeps_goes_with_all_of_its_names() -> None:
    images = {"old": ["orders:prod-v1", f"orders:prod-{OLD}", PUBLISHED], "new": [f"orders:prod-{NEW}"]}

    assert given_up(images, {"new"}) == images["old"]


def test_of_an_image_that_is_kept_the_names_of_releases_go_that_are_not() -> None:
    images = {"new": ["orders:prod-v2", f"orders:prod-{OLD}", f"orders:prod-{NEW}", PUBLISHED]}

    assert given_up(images, {"new"}) == [f"orders:prod-{OLD}"]


def test_an_image_that_another_environment_runs_stays_under_its_names() -> None:
    images = {"shared": ["orders:staging-v1", f"orders:staging-{OLD}", f"orders:prod-{OLD}", PUBLISHED]}

    assert given_up(images, {"new"}) == [f"orders:prod-{OLD}"]


def test_an_environment_whose_name_begins_like_another_keeps_its_releases() -> None:
    images = {"shared": [f"orders:prod-eu-{OLD}"]}

    assert given_up(images, set()) == []


def test_an_image_without_a_name_of_the_service_goes() -> None:
    assert given_up({"nameless": ["nameless"], "taken": [PUBLISHED]}, {"new"}) == ["nameless", PUBLISHED]
