"""Handing rules or plugins to the release that serves, which the tasks for both do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .cli import Session
from .engine.core.console import Step
from .engine.deploy.overrides import Change
from .engine.deploy.target import Target


def hand_over(s: Session, targets: Sequence[Target], change: Change) -> None:
    """Have the release that serves on each target go by a change."""
    for target in targets:
        with s.console.step(target.host or "apply") as step:
            s.runner.act(f"hand {change.override.what} to {target.url}", partial(_apply, target, change, step))


def _apply(target: Target, change: Change, step: Step) -> None:
    step.detail = target.apply_override(change)
