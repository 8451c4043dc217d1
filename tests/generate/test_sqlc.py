"""The way to sqlc that the documentation shows works on a service as it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ..conftest import Render
from ..support.service import ROOT
from .checkouts import WITHOUT_TLS

pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.docker]
USE = """package report

import (
	"io"
	"testing"

	"{module}/internal/platform/database"
	"{module}/internal/platform/database/databasetest"
	"{module}/migrations"
)

func TestTheQueryAsks(t *testing.T) {{
	settings := databasetest.Settings(t)
	if err := database.Migrate(t.Context(), settings, migrations.Files, io.Discard); err != nil {{
		t.Fatal(err)
	}}
	pool, err := database.Open(t.Context(), settings)
	if err != nil {{
		t.Fatal(err)
	}}
	defer pool.Close()
	statement := "INSERT INTO orders (id, sku, quantity, status, version, created_at) " +
		"VALUES ($1, 'A-1', 2, 'placed', 1, now())"
	for _, id := range []string{{"a", "b"}} {{
		if _, err := pool.Exec(t.Context(), statement, id); err != nil {{
			t.Fatal(err)
		}}
	}}
	got, err := New(pool).QuantityBySKU(t.Context(), "placed")
	if err != nil || len(got) != 1 || got[0].Quantity != 4 {{
		t.Errorf("got %v, %v", got, err)
	}}
}}
"""


def section() -> str:
    """What is said of sqlc."""
    return (ROOT / "docs" / "work.md").read_text(encoding="utf-8").partition("### Queries by sqlc")[2]


def shown(kind: str) -> str:
    """The example of a kind."""
    return str(re.findall(rf"```{kind}\n(.*?)```", section(), re.DOTALL)[0])


def test_the_example_is_generated_built_and_asked_in_a_real_database(
    rendered: Render, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "orders"
    shutil.copytree(rendered(database="postgres"), folder)
    (folder / "internal" / "report").mkdir()
    (folder / "sqlc.yaml").write_text(shown("yaml"), encoding="utf-8")
    (folder / "internal" / "report" / "queries.sql").write_text(shown("sql"), encoding="utf-8")
    command = re.findall(r"^go run \S+/sqlc@\S+ generate", section(), re.MULTILINE)[0].split()
    command = ["sqlc", "generate"] if shutil.which("sqlc") else command
    subprocess.run(command, cwd=folder, check=True, timeout=1800)
    module = re.findall(r"^module (\S+)$", (folder / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)[0]
    (folder / "internal" / "report" / "report_test.go").write_text(USE.format(module=module), encoding="utf-8")

    done = subprocess.run(
        ["go", "test", "-tags", "nomsgpack", "./internal/report", "./internal/app"],
        cwd=folder,
        env={**os.environ, "TEST_DATABASE_URL": f"{request.getfixturevalue('postgres')}?{WITHOUT_TLS['postgres']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )

    assert done.returncode == 0, done.stdout + done.stderr
