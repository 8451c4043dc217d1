"""The page about options shows what was measured, and leaves no option out."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from bench.options import VARIANTS
from bench.options_page import DATA, TEXT, page

from ..support.service import ROOT

IDENTITY = {"project_name", "description", "module_path", "author", "license", "http_port", "go_version"}
"""Questions that add nothing to a service."""


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return document


def questions() -> dict[str, Any]:
    copier = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    asked = {name: question for name, question in copier.items() if not name.startswith("_")}
    return {name: question for name, question in asked.items() if question.get("when") is not False}


def test_the_page_shows_the_figures_that_were_measured(measured: dict[str, Any]) -> None:
    assert TEXT.read_text(encoding="utf-8") == page(measured)


def test_every_variant_was_measured(measured: dict[str, Any]) -> None:
    assert [(each["database"], each["cache"]) for each in measured["variants"]] == VARIANTS


def test_every_answer_that_go_is_compiled_with_is_among_the_variants() -> None:
    asked = questions()

    for name, measured in zip(("database", "cache"), zip(*VARIANTS, strict=True), strict=True):
        assert set(measured) == set(asked[name]["choices"].values())


def test_every_option_has_a_section_in_the_order_of_the_questions() -> None:
    sections = [line.strip("#` ") for line in TEXT.read_text(encoding="utf-8").splitlines() if line.startswith("## `")]

    assert sections == [name for name in questions() if name not in IDENTITY]
