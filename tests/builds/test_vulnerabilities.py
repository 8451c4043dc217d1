"""Known vulnerabilities of what a service calls are found by a database of them, also a copy of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..support.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.full]
TIME = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Service:
    """The service that builds quickest."""
    return make_service("process", database="none")


def database(folder: Path, *symbols: str) -> str:
    """A database (go.dev/doc/security/vuln/database) that knows of these functions of gin; gives its address."""
    entry = {"id": "GO-2026-0001", "modified": TIME}
    where = {"imports": [{"path": "github.com/gin-gonic/gin", "symbols": list(symbols)}]}
    told = {
        **entry,
        "schema_version": "1.3.1",
        "summary": "An example",
        "database_specific": {"url": "https://pkg.go.dev/vuln/GO-2026-0001"},
        "affected": [
            {
                "package": {"name": "github.com/gin-gonic/gin", "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
                "ecosystem_specific": where,
            }
        ],
    }
    documents: dict[str, Any] = {"index/db": {"modified": TIME}, "index/modules": []}
    if symbols:
        documents["index/modules"] = [{"path": "github.com/gin-gonic/gin", "vulns": [entry]}]
        documents["ID/GO-2026-0001"] = told
    for name, document in documents.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    return folder.as_uri()


def test_what_is_called_is_found_and_what_is_not_is_left_alone(service: Service, tmp_path: Path) -> None:
    called = service.invoke("vuln", f"--db={database(tmp_path / 'called', 'New')}", timeout=600)
    none = service.invoke("vuln", f"--db={database(tmp_path / 'none')}", timeout=600)

    assert called.returncode == 1, called.stdout + called.stderr
    assert "GO-2026-0001" in called.stderr
    assert none.returncode == 0, none.stdout + none.stderr
    assert "No known vulnerabilities" in none.stdout


def test_a_database_that_is_not_there_is_told(service: Service, tmp_path: Path) -> None:
    missing = service.invoke("vuln", f"--db={(tmp_path / 'nowhere').as_uri()}", timeout=600)

    assert missing.returncode == 3
    assert "--db names a copy" in missing.stderr
