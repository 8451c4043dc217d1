"""Where a rule holds at many places, an ordinary run tries some of them, and `-m full` all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some_of(values: Iterable[Any], ordinary: Iterable[Any]) -> list[Any]:
    """Parameters for all values; those that are not `ordinary` are tried by `-m full` alone."""
    chosen = list(ordinary)
    every = list(values)
    assert all(value in every for value in chosen)
    return [value if value in chosen else pytest.param(value, marks=pytest.mark.full) for value in every]
