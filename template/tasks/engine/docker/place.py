"""Where a stack is, and how its front door is reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a stack is: `host` is empty for this machine, `port` is the front door's there.

    `url` is where people find it, `probe_url` where the tasks do.
    """

    port: int
    url: str
    probe_url: str
    host: str = ""
