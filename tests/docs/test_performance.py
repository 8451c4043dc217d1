"""What is published about performance is what was measured, and aims are judged by it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as xml
from typing import Any

import pytest

from bench.aims import Aim, aims
from bench.load_client import parse
from bench.ours import covered
from bench.picture import draw
from bench.report import DATA, PICTURE, TEXT, page


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return document


def test_the_page_and_the_picture_show_the_figures_that_were_measured(measured: dict[str, Any]) -> None:
    assert TEXT.read_text(encoding="utf-8") == page(measured)
    assert PICTURE.read_text(encoding="utf-8") == draw(measured)


def test_the_picture_is_an_image_without_anything_from_elsewhere(measured: dict[str, Any]) -> None:
    root = xml.fromstring(draw(measured))

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "title", "style", "text", "rect"}


def test_every_aim_that_is_missed_is_named(measured: dict[str, Any]) -> None:
    missed = [aim.what for aim in aims(measured) if not aim.reached]
    sentence = next((line for line in page(measured).splitlines() if line.startswith("Short of the aim: ")), "")

    assert [what for what in missed if what not in sentence] == []
    assert bool(sentence) == bool(missed)


@pytest.mark.parametrize(
    ("measured_value", "least", "reached"), [(5, False, True), (5.1, False, False), (5, True, True), (4.9, True, False)]
)
def test_an_aim_is_a_bound(measured_value: float, least: bool, reached: bool) -> None:
    assert Aim("something", 5, measured_value, "s", least).reached is reached


def test_what_several_calls_cover_counts_once() -> None:
    assert covered([(0, 2), (1, 3), (5, 6), (5.2, 5.4), (8, 7)]) == 4


def test_a_report_of_the_load_is_read_with_its_phases() -> None:
    figures = {"requests": 3, "lost": 1, "p50_ms": 1.5, "p99_ms": 2, "max_ms": 2, "longest_gap_ms": 7, "seconds": 1}
    document = {
        **figures,
        "reasons": {"EOF": 1},
        "phases": [{**figures, "name": "switch"}],
        "watched": {"changes": [{"at_ms": 1500, "answer": "a"}], "requests": 1, "lost": 0, "longest_gap_ms": 1},
    }

    report = parse(document)

    assert (report.total.lost, report.phases["switch"].longest_gap, report.created) == (1, 7.0, [])
    assert report.watched.first("a") == 1.5
    with pytest.raises(KeyError):
        report.watched.first("b")
