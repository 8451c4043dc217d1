"""Plugins are built with the service, and exchanged while it serves without a lost request."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ..support.service import Service, same_release_serves
from ..support.strikes import lost, under_load
from ..support.waiting import until

pytestmark = pytest.mark.slow
SETTINGS = "plugins/header-policy.json"


@pytest.fixture(
    scope="module",
    params=[pytest.param("docker", marks=pytest.mark.docker), pytest.param("process", marks=pytest.mark.full)],
)
def service(make_service: Callable[..., Service], request: pytest.FixtureRequest) -> Service:
    """A service that is deployed with the plugin of the template."""
    made = make_service(request.param, database="none", plugins="wasm")
    made.deploy()
    return made


def policy(service: Service) -> str:
    """What the plugin says in every answer."""
    return service.get("/version").headers.get("referrer-policy", "none")


def respond(service: Service, policy: str) -> None:
    """Have the plugin of the checkout say something else."""
    path = service.folder / SETTINGS
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["config"]["respond"]["Referrer-Policy"] = policy
    path.write_text(json.dumps(settings), encoding="utf-8")


def test_those_of_the_build_are_in_force_and_are_exchanged_under_load_until_another_release_serves(
    service: Service,
) -> None:
    assert policy(service) == "no-referrer"
    respond(service, "same-origin")
    with same_release_serves(service), under_load(service) as load:
        applied = service.invoke("plugins.apply", "--env=staging")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert policy(service) == "same-origin"
        again = service.invoke("plugins.apply", "--env=staging")
        (service.folder / "none").mkdir()
        taken = service.invoke("plugins.apply", "--env=staging", "--folder=none")
        assert policy(service) == "none"
    assert lost(load) == 0
    assert "in force in" in applied.stdout
    assert "has these plugins already" in again.stdout
    assert taken.returncode == 0, taken.stdout + taken.stderr

    service.deploy()

    until(lambda: policy(service) == "same-origin", "the plugins of the former release are in force still")


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("plugins/header-policy.json", '{"timeLimitMs": 0}', 5, "timeLimitMs is 0"),
        ("plugins/header-policy/policy.go", "package main\n\nfunc main() { none() }\n", 4, "undefined: none"),
    ],
)
def test_one_that_cannot_be_used_is_refused_with_what_is_wrong_and_changes_nothing(
    service: Service, old: str, new: str, code: int, said: str
) -> None:
    path, before = service.folder / old, policy(service)
    kept = path.read_text(encoding="utf-8")
    path.write_text(new, encoding="utf-8")
    try:
        refused = service.invoke("plugins.apply", "--env=staging")
    finally:
        path.write_text(kept, encoding="utf-8")

    assert refused.returncode == code, refused.stdout + refused.stderr
    assert said in refused.stderr
    assert policy(service) == before


def test_a_plugin_that_was_built_elsewhere_goes_with_the_others(service: Service) -> None:
    built = service.folder / "dist" / "plugins" / "header-policy.wasm"
    (service.folder / "plugins" / "elsewhere.wasm").write_bytes(built.read_bytes())
    (service.folder / "plugins" / "elsewhere.json").write_text(
        json.dumps({"config": {"respond": {"Built": "elsewhere"}}}), encoding="utf-8"
    )

    service.deploy()

    assert service.get("/version").headers["built"] == "elsewhere"
