"""The front door: HAProxy's runtime API, reached inside its container."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ..core.errors import DeployFault
from ..core.slots import SLOTS
from ..core.waiting import wait_until

RUNTIME_API = ("127.0.0.1", 9999)
"""Where it listens inside its container."""

ADDRESS_SECONDS = 2
"""After which a probe decides: HAProxy looks a name up every 250 ms."""
PAUSE = 0.02
"""Seconds between two looks at the statistics: HAProxy has no way to tell by itself."""


@dataclass(frozen=True)
class Traffic:
    """What the edge says of a slot: `state` as in its statistics (UP, DOWN, MAINT, DRAIN …), requests in flight."""

    state: str
    in_flight: int

    @property
    def serving(self) -> bool:
        """Whether new requests go to it."""
        return self.state.startswith("UP")


class Edge:
    """The runtime API. Both send one line and give back the answer: `ask` a question, `tell` what changes something."""

    def __init__(self, ask: Callable[[str], str], tell: Callable[[str], str]) -> None:
        self._ask = ask
        self._tell = tell

    def traffic(self) -> dict[str, Traffic]:
        """All slots' state by slot."""
        return parse_statistics(self._ask("show stat app 4 -1"))

    def hold(self, slot: str) -> None:
        """Give the slot no traffic, whatever its health says."""
        self._command(f"set server app/{slot} state maint")

    def dismiss(self, slot: str) -> None:
        """Let a slot that has ended take part as soon as a probe finds it: after a start by hand it shall serve.

        Until the next probe the edge would take it for healthy, and requests would wait for an address that nobody has.
        """
        self._command(f"set server app/{slot} health down; set server app/{slot} state ready")

    def switch(self, slot: str, former: str) -> None:
        """Give the slot the traffic of the former one, in one line: whoever is killed has switched, or has not."""
        drained = f"; set server app/{former} state drain" if former else ""
        self._command(f"set server app/{slot} state ready{drained}")

    def drain(self, slot: str) -> None:
        """Give the slot no new requests; those under way go on, and the edge's own probe looks at it."""
        self._command(f"set server app/{slot} state drain")

    def wait_found(self, slot: str, addresses: Collection[str], timeout: float) -> bool:
        """Whether the edge finds a slot without traffic within `timeout` seconds; `addresses` are the slot's own.

        HAProxy takes a server for healthy when its maintenance ends, until a probe says otherwise, and may still have
        the address of the container that was in the slot before. Where it has one of `addresses`, whoever has asked
        the slot itself need not wait for a probe; else the next one has to say that it is healthy.
        """
        if not self._wait(lambda traffic: not traffic[slot].state.startswith("MAINT"), timeout):
            return False
        if not wait_until(lambda: self._address(slot) in addresses, ADDRESS_SECONDS, PAUSE):
            self._command(f"set server app/{slot} health down")
        return self._wait(lambda traffic: traffic[slot].state == "DRAIN", timeout)

    def _address(self, slot: str) -> str:
        return parse_addresses(self._ask("show servers state app")).get(slot, "")

    def wait_serving(self, slot: str, timeout: float) -> bool:
        """Whether the edge's own probe finds the slot healthy within `timeout` seconds."""
        return self._wait(lambda traffic: traffic[slot].serving, timeout)

    def wait_drained(self, slot: str, timeout: float) -> int:
        """Return when no request is in flight on the slot, or after `timeout` seconds with the number that still is."""
        self._wait(lambda traffic: traffic[slot].in_flight == 0, timeout)
        return self.traffic()[slot].in_flight

    def _wait(self, reached: Callable[[dict[str, Traffic]], bool], timeout: float) -> bool:
        return wait_until(lambda: reached(self.traffic()), timeout, PAUSE)

    def _command(self, line: str) -> None:
        answer = self._tell(line).strip()
        if answer:
            raise DeployFault("the edge refuses a command", details=[line, answer])


def parse_statistics(text: str) -> dict[str, Traffic]:
    """The slots in the CSV that `show stat` answers (HAProxy Management Guide, section 9.1).

    Requests that a slot answers as a spare one are its own.
    """
    rows = {row.get("svname"): row for row in csv.DictReader(io.StringIO(text.removeprefix("# ")))}
    return {slot: Traffic(rows[slot]["status"], _in_flight(rows, slot)) for slot in SLOTS if slot in rows}


def parse_addresses(text: str) -> dict[str, str]:
    """The servers' addresses in what `show servers state` answers (HAProxy Management Guide, section 9.3)."""
    lines = [line.removeprefix("# ").split() for line in text.splitlines() if line.startswith("# ") or " " in line]
    rows = [dict(zip(lines[0], line, strict=False)) for line in lines[1:]] if lines else []
    return {row["srv_name"]: row["srv_addr"] for row in rows if "srv_addr" in row}


def _in_flight(rows: Mapping[str | None, Mapping[str, str]], slot: str) -> int:
    return sum(int(rows[name]["scur"] or 0) for name in (slot, f"{slot}-spare") if name in rows)
