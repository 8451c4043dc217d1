"""The published parser of @env-spec reads our files as the tasks do; it comes from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service_tasks.engine.config.schema import Variable, read_schema

from ..conftest import Render

pytestmark = pytest.mark.full
PARSER = "@env-spec/parser@0.0.8"
SCRIPT = """\
import { parseEnvSpecDotEnvFile } from '@env-spec/parser';
import { readFileSync } from 'node:fs';
const file = parseEnvSpecDotEnvFile(readFileSync(process.argv[2], 'utf8'));
const told = (item) => Object.fromEntries(
  Object.entries(item.decoratorsObject).map(([name, each]) => [name, String(each.value ?? 'true')]));
console.log(JSON.stringify({
  header: Object.keys(file.decoratorsObject),
  items: Object.fromEntries(file.configItems.map((item) => [item.key, told(item)])),
}));
"""
EVERYTHING = """\
# What there is.
#
# @defaultRequired=false @defaultSensitive=false
# ---

# @required=forEnv(staging, prod) @type=url(allowedProtocols=[postgres, postgresql])
A=

# @optional=forEnv(dev) @sensitive @type=string(minLength=8, matches="^[a-z]+$")
B=

# @deprecated="use A" @example="x y" @docs(https://example.com/a) @type=enum(one, two)
C=one

# @public @type=port(min=1024, max=2048)
D=1024
"""


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the script finds the parser."""
    if shutil.which("npm") is None:
        pytest.fail("npm is not on the PATH")
    folder = tmp_path_factory.mktemp("npm")
    words = ["npm", "install", "--no-audit", "--no-fund", "--silent", PARSER]
    subprocess.run(words, cwd=folder, check=True, timeout=300)
    (folder / "parse.mjs").write_text(SCRIPT)
    return folder


def parsed(parser: Path, file: Path) -> dict[str, Any]:
    """What the published parser reads in a file."""
    words = ["node", "parse.mjs", str(file)]
    done = subprocess.run(words, cwd=parser, capture_output=True, text=True, check=True, timeout=60)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def same(variable: Variable, decorators: dict[str, str]) -> bool:
    """Whether a variable has the type, and is as secret, as the published parser reads it."""
    kind = decorators.get("type", "string").partition("(")[0]
    return kind == variable.type and (decorators.get("sensitive") == "true") == variable.sensitive


@pytest.mark.parametrize(
    "answers",
    [
        {
            "database": "postgres",
            "cache": "redis",
            "events": "kafka",
            "auth": "jwt",
            "tracing": "otlp",
            "guard": "rules",
        },
        {"database": "sqlite", "guard": "rules", "rules_source": "nacos", "plugins": "wasm"},
        {"database": "none", "guard": "none"},
    ],
    ids=["much", "other", "little"],
)
def test_it_reads_the_schema_of_a_service_as_the_tasks_do(
    parser: Path, rendered: Render, answers: dict[str, str]
) -> None:
    file = rendered(**answers) / ".env.example"
    schema = read_schema(file).variables

    found = parsed(parser, file)

    assert found["header"] == ["defaultRequired"]
    assert list(found["items"]) == list(schema)
    assert [name for name, variable in schema.items() if not same(variable, found["items"][name])] == []


def test_it_reads_all_that_the_tasks_hold(parser: Path, tmp_path: Path) -> None:
    file = tmp_path / ".env.example"
    file.write_text(EVERYTHING)
    schema = read_schema(file).variables

    items = parsed(parser, file)["items"]

    assert [name for name, variable in schema.items() if not same(variable, items[name])] == []
    assert items["A"]["required"] == "forEnv(staging, prod)"
    assert items["B"]["optional"] == "forEnv(dev)"
    assert items["C"]["deprecated"].strip('"') == schema["C"].deprecated == "use A"
    assert not schema["D"].sensitive
