"""Who signs a service's tokens: an issuer, or in dev and staging a key that the first deploy of staging makes."""

from __future__ import annotations

import pytest

from service_tasks.engine.config.findings import Finding

from .env_files import Folder

KEYS = "\n# @type=url\nAUTH_JWKS_URL=\n\n# @sensitive @type=string(minLength=16)\nAUTH_DEV_KEY=\n"


@pytest.fixture
def with_tokens(folder: Folder) -> Folder:
    """A service that asks for tokens, and has an environment for production."""
    folder.add(".env.example", KEYS)
    folder.write(".env.prod", "APP_ENV=prod\n")
    folder.write(".env.prod.local", "API_KEY=abcdefgh-is-secret\n")
    return folder


def test_only_dev_and_staging_may_do_without_an_issuer(with_tokens: Folder) -> None:
    message = "is required, and AUTH_ISSUER with it: only dev and staging may do without an issuer of tokens"

    assert with_tokens.check("dev") == with_tokens.check("staging") == []
    assert with_tokens.check("prod") == [Finding(".env.prod", 0, "AUTH_JWKS_URL", message)]
    assert with_tokens.check("prod", ["AUTH_JWKS_URL=https://issuer.example.com/keys"]) == []


def test_staging_lacks_a_key_until_it_has_one_or_an_issuer(with_tokens: Folder) -> None:
    assert with_tokens.configuration().lacks_dev_key()
    assert not with_tokens.configuration(sets=["AUTH_JWKS_URL=https://issuer.example.com/keys"]).lacks_dev_key()
    assert not with_tokens.configuration(sets=["AUTH_DEV_KEY=sixteen-or-more-of-them"]).lacks_dev_key()


def test_a_service_that_asks_for_no_tokens_needs_neither(folder: Folder) -> None:
    assert not folder.configuration().lacks_dev_key()
