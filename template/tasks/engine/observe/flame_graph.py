"""Flame graphs: stacks as an SVG picture in which a frame is as wide as its share of the whole.

The form is that of Brendan Gregg (https://www.brendangregg.com/flamegraphs.html); pointing at a frame shows its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

from .sums import Stack

WIDTH, ROW, MARGIN, TOP = 1200, 17, 10, 50
"""Pixels."""
NARROWEST = 0.3
"""Pixels below which a frame is left out."""
LETTER = 6.6
"""Pixels of a letter of the font, at most."""


@dataclass
class Frame:
    """A function below its callers, with the weight of all stacks that go through it."""

    weight: int = 0
    calls: dict[str, Frame] = field(default_factory=dict)

    def depth(self) -> int:
        """How many frames stand above each other."""
        return 1 + max((frame.depth() for frame in self.calls.values()), default=0)


def flame_graph(stacks: Mapping[Stack, int], title: str, unit: str, scale: float = 1) -> str:
    """An SVG document. A weight times `scale` is in `unit`, such as samples or milliseconds."""
    root = _tree(stacks)
    height = TOP + root.depth() * ROW + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="11">'
    )
    lines = [
        head,
        f'<rect width="{WIDTH}" height="{height}" fill="#fffdf7"/>',
        f'<text x="{MARGIN}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="40" fill="#666">{_amount(root.weight * scale, unit)}</text>',
    ]
    if root.weight:
        pixels = (WIDTH - 2 * MARGIN) / root.weight
        for name, weight, left, level in _placed(root, 0, 0):
            if weight * pixels >= NARROWEST:
                label = f"{name}: {_amount(weight * scale, unit)}, {100 * weight / root.weight:.1f} %"
                below = height - MARGIN - (level + 1) * ROW
                lines.append(_drawn(name, label, (MARGIN + left * pixels, below), weight * pixels))
    return "\n".join([*lines, "</svg>", ""])


def _tree(stacks: Mapping[Stack, int]) -> Frame:
    root = Frame()
    for stack, weight in stacks.items():
        frame = root
        frame.weight += weight
        for name in stack:
            frame = frame.calls.setdefault(name, Frame())
            frame.weight += weight
    return root


def _placed(frame: Frame, left: int, level: int) -> Iterator[tuple[str, int, int, int]]:
    """Each frame above another one: its name, weight, left end in weights, and level; by name, so that runs compare."""
    for name, called in sorted(frame.calls.items()):
        yield name, called.weight, left, level
        yield from _placed(called, left, level + 1)
        left += called.weight


def _drawn(name: str, label: str, place: tuple[float, float], width: float) -> str:
    x, y = place
    letters = int((width - 4) / LETTER)
    shown = name if len(name) <= letters else f"{name[: letters - 2]}.." if letters > 4 else ""
    text = f'<text x="{x + 2:.1f}" y="{y + 12:.1f}">{escape(shown)}</text>' if shown else ""
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{ROW - 1}" fill="{_colour(name)}" rx="1"/>'
    return f"<g><title>{escape(label)}</title>{box}{text}</g>"


def _colour(name: str) -> str:
    """Warm for the service, cool for the kernel; the same function has the same colour in each picture."""
    shade = crc32(name.encode())
    return f"hsl({(200 if name.startswith('[') else 15) + shade % 40},70%,{62 + shade // 40 % 14}%)"


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}"
