"""A service that is deployed lets in whoever has a token of its issuer, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from service_tasks.engine.config.dotenv import read_env_file
from service_tasks.engine.core.network import free_port

from ..support.issuer import Issuer, issuing
from ..support.service import Answer, Service
from ..support.waiting import until

pytestmark = pytest.mark.slow
ORDER = {"sku": "A-1", "quantity": 1}


def place(service: Service, token: str = "") -> Answer:
    """Try to place an order."""
    return service.post("/v1/orders", ORDER, **({"Authorization": f"Bearer {token}"} if token else {}))


@pytest.fixture(scope="module")
def deployed(make_service: Callable[..., Service]) -> tuple[Service, str]:
    """A service without an issuer that is deployed for the first time, and what that printed."""
    made = make_service("docker", database="none", auth="jwt")
    return made, made.deploy().stdout


@pytest.fixture(scope="module")
def stack(deployed: tuple[Service, str]) -> Service:
    """The same, when it is deployed."""
    return deployed[0]


@pytest.mark.docker
def test_the_first_deploy_of_staging_makes_a_key_and_a_command_makes_tokens_with_it(
    deployed: tuple[Service, str],
) -> None:
    stack, printed = deployed
    values = read_env_file(stack.folder / ".env.staging.local").values()
    assert "AUTH_DEV_KEY in .env.staging.local" in printed
    assert values["AUTH_DEV_KEY"] not in printed

    token = stack.invoke("exec", "--env=staging", "--", "/app", "token").stdout.strip()
    reader = stack.invoke("exec", "--env=staging", "--", "/app", "token", "-scopes", "orders:read").stdout.strip()

    assert place(stack).status == 401
    assert place(stack, token).status == 201
    assert place(stack, reader).status == 403
    assert stack.get("/readyz").status == 200


@pytest.mark.docker
def test_a_drill_takes_its_token_from_the_shell(stack: Service) -> None:
    refused = stack.invoke("drill.pause", "--env=staging", "--seconds=2")
    stack.env["DRILL_TOKEN"] = stack.invoke("exec", "--env=staging", "--", "/app", "token").stdout.strip()
    drilled = stack.invoke("drill.pause", "--env=staging", "--seconds=2")

    assert refused.returncode == 5
    assert "DRILL_TOKEN has to hold a token" in refused.stderr
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr


@pytest.fixture(scope="module")
def issued(
    make_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Issuer]]:
    """A service on this machine, and its issuer with one key."""
    made = make_service("process", database="none", auth="jwt")
    with issuing(tmp_path_factory.mktemp("issuer")) as issuer:
        issuer.published = [issuer.new_key("first")]
        made.set_local(AUTH_JWKS_URL=issuer.url, AUTH_ISSUER=issuer.url)
        made.deploy()
        yield made, issuer


def test_a_token_is_good_until_it_expires(issued: tuple[Service, Issuer]) -> None:
    service, issuer = issued
    audience, key = service.folder.name, issuer.published[0]

    assert place(service, issuer.token(key, audience)).status == 201
    assert place(service, issuer.token(key, audience, seconds=-60)).body["detail"] == "the token has expired"
    assert place(service, issuer.token(key, "another")).body["detail"] == "the token is for another service"


def test_keys_are_rotated_without_a_restart_and_outlive_their_issuer(issued: tuple[Service, Issuer]) -> None:
    service, issuer = issued
    audience, first = service.folder.name, issuer.published[0]
    second = issuer.new_key("second")

    assert place(service, issuer.token(second, audience)).status == 401
    issuer.published = [first, second]
    until(lambda: place(service, issuer.token(second, audience)).status == 201, "the new key is not taken")
    issuer.away = True
    stranger = place(service, issuer.token(issuer.new_key("stranger"), audience))

    assert stranger.status == 401
    assert {place(service, issuer.token(key, audience)).status for key in (first, second)} == {201}
    assert service.get("/readyz").status == 200
    issuer.away = False


def test_a_release_that_reaches_no_issuer_gets_no_traffic(issued: tuple[Service, Issuer]) -> None:
    service, issuer = issued
    token = issuer.token(issuer.published[0], service.folder.name)

    refused = service.invoke("deploy", "--env=staging", "--timeout=4", "--set", "AUTH_JWKS_URL=http://127.0.0.1:1/keys")

    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert "keys" in refused.stdout + refused.stderr
    assert place(service, token).status == 201


def test_a_development_key_is_no_key_for_production_which_needs_an_issuer(issued: tuple[Service, Issuer]) -> None:
    service, issuer = issued
    values = f"AUTH_DEV_KEY=for-development-only\nEDGE_PORT={free_port()}\n"
    (service.folder / ".env.prod.local").write_text(values)

    without = service.invoke("deploy", "--env=prod")
    sets = (f"--set=AUTH_JWKS_URL={issuer.url}", f"--set=AUTH_ISSUER={issuer.url}")
    beside = service.invoke("deploy", "--env=prod", *sets)
    service.invoke("down", "--env=prod", "--volumes", "--yes")

    assert without.returncode == 2, without.stdout + without.stderr
    assert "only dev and staging may do without an issuer" in without.stderr
    assert beside.returncode == 5, beside.stdout + beside.stderr
    assert "AUTH_DEV_KEY: is given besides AUTH_JWKS_URL" in beside.stderr
