"""`invoke.yaml` is checked when it is read: every fault names the key, the value and what is expected."""

from __future__ import annotations

from typing import Any

import pytest

from service_tasks.engine.config.settings import Environment, GitOps, parse_platform, parse_seconds, read_settings
from service_tasks.engine.core.errors import UsageFault

GOOD: dict[str, Any] = {
    "service": "orders",
    "database": "postgres",
    "environments": {
        "dev": {"target": "process", "development": True},
        "prod": {"target": "docker", "platform": "linux/amd64/v3"},
    },
    "healthy_timeout": 45,
    "drain_timeout": "2.5",
}


def faulty(**changes: Any) -> str:
    """What is said of settings with some keys changed."""
    with pytest.raises(UsageFault) as refusal:
        read_settings({**GOOD, **changes})
    assert "invoke.yaml" in refusal.value.where
    assert refusal.value.code == 2
    return str(refusal.value)


def faulty_environment(**settings: Any) -> str:
    """What is said of an environment with these settings."""
    return faulty(environments={"dev": settings})


def test_settings_are_read_as_they_are_written() -> None:
    settings = read_settings(GOOD)

    assert (settings.service, settings.database) == ("orders", "postgres")
    assert (settings.healthy_timeout, settings.drain_timeout) == (45, 2.5)
    assert settings.environment("dev") == Environment("dev", target="process", development=True)
    assert settings.environment("prod") == Environment("prod", platform="linux/amd64/v3")


def test_what_may_be_left_out_has_a_default() -> None:
    settings = read_settings({"service": "orders", "environments": {"dev": {}}})

    assert settings.database == "none"
    assert (settings.healthy_timeout, settings.drain_timeout) == (60, 30)
    assert settings.environment("dev") == Environment("dev", target="docker", platform="", development=False)


def test_keys_of_invoke_and_of_the_user_are_left_alone() -> None:
    assert read_settings({**GOOD, "run": {"echo": True}, "own": 1}).service == "orders"


@pytest.mark.parametrize("key", ["service", "environments"])
@pytest.mark.parametrize("value", [None, "", {}])
def test_a_key_without_a_value_is_missing(key: str, value: Any) -> None:
    assert f"{key} is missing" in faulty(**{key: value})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("service", "Orders", "a DNS label"),
        ("service", "orders-", "a DNS label"),
        ("service", "../orders", "a DNS label"),
        ("service", "orders\n", "a DNS label"),
        ("service", True, "a DNS label"),
        ("service", 7, "a DNS label"),
        ("database", "oracle", "one of postgres, mysql, sqlite, none"),
        ("database", None, "one of postgres, mysql, sqlite, none"),
        ("database", ["postgres"], "one of postgres, mysql, sqlite, none"),
        ("environments", ["dev"], "a mapping of names to settings"),
        ("environments", "dev", "a mapping of names to settings"),
        ("healthy_timeout", "soon", "a number of seconds"),
        ("healthy_timeout", None, "a number of seconds"),
        ("healthy_timeout", [60], "a number of seconds"),
        ("healthy_timeout", 0, "between 0 and 86400 seconds"),
        ("healthy_timeout", -1, "between 0 and 86400 seconds"),
        ("healthy_timeout", "nan", "between 0 and 86400 seconds"),
        ("drain_timeout", "inf", "between 0 and 86400 seconds"),
        ("drain_timeout", 86_401, "between 0 and 86400 seconds"),
        ("drain_timeout", True, "a number of seconds"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_what_is_expected(key: str, value: Any, expected: str) -> None:
    message = faulty(**{key: value})

    assert message.startswith(f"error: {key}: {value!r} is not ")
    assert expected in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("target", "kubernets", "one of docker, process"),
        ("target", None, "one of docker, process"),
        ("development", "yes", "true or false"),
        ("development", 1, "true or false"),
    ],
)
def test_a_wrong_setting_of_an_environment_is_refused_with_its_place(key: str, value: Any, expected: str) -> None:
    message = faulty_environment(**{key: value})

    assert message.startswith(f"error: environments.dev.{key}: {value!r} is not {expected}")


@pytest.mark.parametrize("platform", ["linux", "linux/", "linux/amd64/", "Linux/amd64", "linux/amd64/v3/x", "a b/c"])
def test_a_platform_that_is_none_is_refused_with_an_example(platform: str) -> None:
    with pytest.raises(UsageFault) as refusal:
        read_settings({**GOOD, "environments": {"dev": {"platform": platform}}})

    assert f'"{platform}" is not a platform' in str(refusal.value)
    assert "os/arch or os/arch/level" in refusal.value.remedy


def test_a_platform_has_a_system_an_architecture_and_perhaps_a_level() -> None:
    parts = [parse_platform(text).groupdict() for text in ("linux/amd64/v3", "windows/386", "linux/arm64/v8.2")]

    assert parts == [
        {"os": "linux", "arch": "amd64", "level": "v3"},
        {"os": "windows", "arch": "386", "level": None},
        {"os": "linux", "arch": "arm64", "level": "v8.2"},
    ]


def test_a_setting_that_does_not_exist_is_refused_with_the_nearest() -> None:
    message = faulty_environment(taregt="docker")

    assert "environments.dev.taregt is not a setting" in message
    assert 'did you mean "target"?' in message


def test_settings_of_an_environment_are_a_mapping() -> None:
    message = faulty(environments={"dev": "docker"})

    assert "environments.dev: 'docker' is not a mapping such as {target: docker}" in message


@pytest.mark.parametrize("name", ["Dev", "dev env", "-dev", "dev.local", "../dev"])
def test_an_environment_has_a_name_that_files_and_containers_can_have(name: str) -> None:
    message = faulty(environments={name: {}})

    assert f"environments.{name}: {name!r} is not a lower-case name of letters, digits and hyphens" in message


def test_an_environment_that_does_not_exist_is_answered_with_the_nearest() -> None:
    settings = read_settings(GOOD)

    with pytest.raises(UsageFault, match='no environment "prd"') as near:
        settings.environment("prd")
    with pytest.raises(UsageFault) as far:
        settings.environment("xyz")

    assert near.value.remedy == 'did you mean "prod"?'
    assert far.value.remedy == "known: dev, prod"


def test_seconds_on_the_command_line_are_held_to_the_same_rule() -> None:
    assert parse_seconds("--timeout", "1.5") == 1.5
    with pytest.raises(UsageFault, match="--timeout: 'soon' is not a number of seconds"):
        parse_seconds("--timeout", "soon")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target": "kubernetes", "registry": "registry.example.com"}, "contexts is missing"),
        ({"target": "kubernetes", "contexts": ["one"]}, "registry is missing"),
        (
            {"target": "kubernetes", "contexts": "one", "registry": "registry.example.com"},
            "a list of kubectl's contexts",
        ),
        ({"target": "kubernetes", "contexts": ["one", "one"], "registry": "r.example.com"}, "different contexts"),
        ({"target": "docker", "contexts": ["one"]}, "contexts is for kubernetes"),
        ({"target": "docker", "gitops": {"repository": "clusters.git"}}, "gitops is for kubernetes"),
        ({"target": "process", "hosts": ["ssh://one.example.com"]}, "hosts is for docker"),
        ({"target": "kubernetes", "gitops": "clusters.git"}, "a mapping such as"),
        ({"target": "kubernetes", "gitops": {"repository": "--upload-pack=x"}}, "that git can push to"),
        (
            {"target": "kubernetes", "gitops": {"repository": "clusters.git", "branche": "main"}},
            'did you mean "branch"?',
        ),
        ({"target": "kubernetes", "gitops": {"repository": "clusters.git", "path": "../elsewhere"}}, "a folder in it"),
        ({"target": "kubernetes", "gitops": {"repository": "clusters.git", "path": "a/../../b"}}, "a folder in it"),
    ],
)
def test_what_a_target_needs_and_what_is_anothers_is_told(settings: dict[str, Any], said: str) -> None:
    assert said in faulty_environment(**settings)


def test_an_environment_that_is_deployed_by_commits_needs_no_cluster() -> None:
    gitops = {"repository": "git@example.com:team/clusters.git"}
    settings = {"target": "kubernetes", "registry": "registry.example.com", "gitops": gitops}

    found = read_settings({**GOOD, "environments": {"prod": settings}}).environment("prod").gitops

    assert found == GitOps("git@example.com:team/clusters.git", "main", "deploy/kubernetes/overlays/prod")


# --- One image for all environments ---------------------------------------------------------------

SHARED: dict[str, Any] = {"target": "docker", "registry": "registry.example.com/team"}


def sharing(**environments: Any) -> dict[str, Any]:
    """Settings whose environments share an image."""
    return {**GOOD, "bake_env": False, "environments": environments}


def test_the_first_environment_that_is_not_for_development_publishes_and_the_others_take() -> None:
    settings = read_settings(sharing(dev=GOOD["environments"]["dev"], staging=SHARED, early=SHARED, prod=SHARED))
    environments = settings.environments.values()

    assert [settings.bakes(each) for each in environments] == [True, False, False, False]
    assert [settings.publishes(each) for each in environments] == [False, True, False, False]
    assert [settings.takes_from(each) for each in environments] == ["", "", "staging", "staging"]


def test_every_environment_builds_its_own_image_where_nothing_else_is_said() -> None:
    settings = read_settings(GOOD)

    assert {settings.bakes(each) for each in settings.environments.values()} == {True}
    assert {settings.takes_from(each) for each in settings.environments.values()} == {""}
    assert not any(settings.publishes(each) for each in settings.environments.values())


@pytest.mark.parametrize(
    ("prod", "expected"),
    [
        ({"target": "docker"}, "environments.prod.registry is missing"),
        ({"target": "process"}, "environments.prod.target is process, which runs no image"),
        ({**SHARED, "registry": "other.example.com"}, 'registry is "other.example.com", and that of staging is'),
        ({**SHARED, "platform": "linux/arm64"}, 'platform is "linux/arm64", and that of staging is ""'),
    ],
)
def test_what_one_image_cannot_be_for_is_refused(prod: dict[str, Any], expected: str) -> None:
    message = faulty(**sharing(staging=SHARED, prod=prod))

    assert expected in message
    assert "bake_env: false has staging publish the image" in message


def test_whether_the_environment_is_built_in_is_true_or_false() -> None:
    assert "bake_env: 'no' is not true or false" in faulty(bake_env="no")
