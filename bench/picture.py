"""A picture of bars: seconds and lost requests of the three ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 760, 190, 90
ROW, GAP, HEAD = 24, 30, 34
COLOURS = {"article": "#9aa4b2", "compose": "#6b8fc9", "invoke": "#2f9e63"}
NAMES = {"article": "article's way", "compose": "Compose at its best", "invoke": "invoke deploy"}
STYLE = (
    "text{font:13px ui-sans-serif,system-ui,sans-serif;fill:#3b4252}"
    ".title{font-weight:600;font-size:14px}"
    "@media (prefers-color-scheme:dark){text{fill:#d8dee9}}"
)


@dataclass(frozen=True)
class Chart:
    """One group of bars; `values` by way."""

    title: str
    values: Mapping[str, float]
    unit: str

    def label(self, value: float) -> str:
        """What stands behind a bar."""
        return f"{value:.1f} s" if self.unit == "s" else f"{value:,.0f}"


def draw(document: Mapping[str, Any]) -> str:
    """The picture as SVG."""
    charts = _charts(document["ways"], [str(number) for number in document["connections"]])
    parts: list[str] = []
    top = 16
    for chart in charts:
        parts += _drawn(chart, top)
        top += HEAD + ROW * len(chart.values) + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    title = "<title>Seconds and lost requests of three ways to deploy</title>"
    return "\n".join([f'{head} role="img">', title, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"


def _charts(ways: Mapping[str, Any], connections: list[str]) -> list[Chart]:
    return [
        Chart("One changed line until all is done", {n: ways[n]["change"]["total_s"] for n in NAMES}, "s"),
        Chart("One changed line until it serves", {n: ways[n]["change"]["serving_s"] for n in NAMES}, "s"),
        *(
            Chart(
                f"Requests lost in one switch under {number} connections",
                {n: ways[n]["switches"][number]["lost"] for n in NAMES},
                "",
            )
            for number in connections
        ),
    ]


def _drawn(chart: Chart, top: int) -> list[str]:
    parts = [f'<text class="title" x="16" y="{top + 14}">{escape(chart.title)}</text>']
    longest = max(chart.values.values()) or 1
    for number, (name, value) in enumerate(chart.values.items()):
        y = top + HEAD + ROW * number
        length = max(2.0, (WIDTH - LEFT - RIGHT) * value / longest) if value else 0.0
        parts.append(f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(NAMES[name])}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="17" rx="2" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{LEFT + length + 8:.1f}" y="{y + 13}">{chart.label(value)}</text>')
    return parts
