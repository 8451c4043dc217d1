"""Where a stack is, and how its front door is reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a stack is: `host` is one of the environment's hosts, `port` is the front door's there.

    `here` says whether it is on this machine, whose ports and disk can be looked at.

    `url` is where people find it, `probe_url` where the tasks do.
    """

    port: int
    url: str
    probe_url: str
    host: str = ""
    here: bool = True
