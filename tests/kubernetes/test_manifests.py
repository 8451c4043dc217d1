"""The manifests that the option brings: complete without the tasks, and the same that the tasks deploy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from service_tasks.engine.config.configuration import Environments
from service_tasks.engine.config.settings import Environment, read_settings
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.kubernetes.manifests import (
    Manifests,
    config_file,
    handed_over,
    in_slot,
    of_release,
    refuse_trials,
    secret_object,
    split,
)

from ..conftest import Render

DATABASES = ("postgres", "mysql", "sqlite", "none")
ENVIRONMENTS = ("dev", "staging", "prod")
DIGEST = "registry.example.com/orders@sha256:" + "0" * 64


def base(folder: Path, *names: str) -> list[Any]:
    """Objects of the base, as they are written."""
    return [yaml.safe_load((folder / "deploy/kubernetes/base" / f"{name}.yaml").read_text()) for name in names]


def config(name: str = "orders-config-abc123") -> dict[str, Any]:
    """The ConfigMap as a configMapGenerator makes it."""
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": {"LOG_LEVEL": "info"}}


@pytest.fixture
def manifests(rendered: Render) -> Manifests:
    """An environment's manifests, with the references to the ConfigMap as kustomize writes them."""
    objects = base(rendered(database="postgres", kubernetes=True), "deployment", "migrate", "service")
    for each in objects[:2]:
        pod = each["spec"]["template"]["spec"]
        pod["containers"][0]["envFrom"] = [{"configMapRef": {"name": "orders-config-abc123"}}]
    return split("orders", [*objects, config()])


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_values_of_an_overlay_are_those_that_the_tasks_hand_over(
    rendered: Render, database: str, name: str
) -> None:
    folder = rendered(database=database, kubernetes=True)
    environments = read_settings(yaml.safe_load((folder / "invoke.yaml").read_text())).environments
    password = ["DATABASE_PASSWORD=not-of-this-world"] if database in ("postgres", "mysql") else []
    environment = replace(environments[name], target="kubernetes")
    configuration = Environments(folder, environments).configuration(environment, password)

    text = (folder / "deploy/kubernetes/overlays" / name / "config.env").read_text()

    assert sorted(text.splitlines()) == sorted(config_file(handed_over(configuration, "orders")).splitlines())


def test_a_release_has_its_image_by_digest_and_its_own_values_secrets_and_migration(manifests: Manifests) -> None:
    own = of_release(manifests, "20261125T101112Z-AB", DIGEST)

    assert own.migration
    for workload in (own.deployment, own.migration):
        pod = workload["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert pod["containers"][0]["image"] == DIGEST
        assert pod["containers"][0]["envFrom"] == [{"configMapRef": {"name": "orders-config-20261125t101112z-ab"}}]
        assert volumes["secrets"]["secret"]["secretName"] == "orders-secrets-20261125t101112z-ab"
    assert own.config["metadata"]["name"] == "orders-config-20261125t101112z-ab"
    assert own.migration["metadata"]["name"] == "orders-migrate-20261125t101112z-ab"
    assert manifests.config["metadata"]["name"] == "orders-config-abc123"


def test_only_pods_have_a_slot_and_the_selector_fits_both(manifests: Manifests) -> None:
    blue, green = (in_slot(manifests.deployment, slot) for slot in ("blue", "green"))

    assert blue["spec"]["selector"] == green["spec"]["selector"]
    assert blue["spec"]["template"]["metadata"]["labels"] != green["spec"]["template"]["metadata"]["labels"]


def test_an_overlay_without_the_services_deployment_is_refused() -> None:
    with pytest.raises(UsageFault, match="no Deployment of orders"):
        split("orders", [config()])


def test_a_value_of_several_lines_is_refused_by_its_name() -> None:
    with pytest.raises(UsageFault, match="GREETING has several lines"):
        config_file({"GREETING": "hello\nworld"})


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_database_for_trials_is_refused_with_the_reason(rendered: Render, manifests: Manifests, kind: str) -> None:
    folder = rendered(database=kind, kubernetes=True)
    database = yaml.safe_load((folder / f"deploy/kubernetes/components/{kind}/statefulset.yaml").read_text())
    refuse_trials(manifests)

    with pytest.raises(UsageFault, match="orders-database is for trials") as caught:
        refuse_trials(replace(manifests, others=[*manifests.others, database]))

    assert "no copy of the data" in caught.value.details[0]


def test_what_breaks_a_service_on_purpose_is_refused_with_the_reason(rendered: Render, manifests: Manifests) -> None:
    folder = rendered(database="postgres", kubernetes=True)
    schedules = yaml.safe_load_all((folder / "deploy/kubernetes/components/chaos/schedules.yaml").read_text())

    for schedule in schedules:
        with pytest.raises(UsageFault, match=f"{schedule['metadata']['name']} is for trials, not for prod") as caught:
            refuse_trials(replace(manifests, others=[*manifests.others, schedule]))
        assert "breaks the service on purpose" in caught.value.details[0]


def test_a_secret_of_a_release_cannot_be_changed_and_is_no_text() -> None:
    secret = secret_object("orders", {"DATABASE_PASSWORD": "correct-horse"}, "R1")

    assert (secret["metadata"]["name"], secret["immutable"]) == ("orders-secrets-r1", True)
    assert "correct-horse" not in str(secret)


# --- invoke.yaml ----------------------------------------------------------------------------------


def environment(**settings: Any) -> Environment:
    """An environment with these settings."""
    return read_settings({"service": "orders", "environments": {"staging": settings}}).environments["staging"]


def test_clusters_and_the_registry_are_read() -> None:
    found = environment(target="kubernetes", contexts=["one", "two"], registry="registry.example.com/team")

    assert (found.contexts, found.registry) == (("one", "two"), "registry.example.com/team")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "kubernetes", "registry": "registry.example.com"}, "contexts is missing"),
        ({"target": "kubernetes", "contexts": ["one"]}, "registry is missing"),
        ({"target": "docker", "contexts": ["one"]}, "contexts is for kubernetes"),
        ({"target": "process", "hosts": ["ssh://deploy@one.example.com"]}, "hosts is for docker"),
        ({"target": "kubernetes", "contexts": "one", "registry": "registry.example.com"}, "contexts"),
        ({"target": "kubernetes", "contexts": ["one", "one"], "registry": "registry.example.com"}, "different"),
    ],
)
def test_a_target_has_what_it_needs_and_nothing_of_another(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageFault, match=message):
        environment(**settings)
