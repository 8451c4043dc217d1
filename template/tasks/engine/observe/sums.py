"""What bpftrace has added up, read from its JSON: requests by route, and stacks with their weights."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .binary import Binary

Stack = tuple[str, ...]
"""Names of functions, the caller before what it calls."""
UNKNOWN = "[unknown]"
NEVER_NAMED = "(none)"
"""Requests that no middleware has named, such as those that were cut off."""


@dataclass
class Latency:
    """The latencies of a route's requests, and what they spent without running; in seconds.

    `buckets` counts requests by the lower and the upper end of their latency.
    """

    buckets: Counter[tuple[float, float]] = field(default_factory=Counter)
    waiting: float = 0
    queueing: float = 0

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.buckets.total()

    def quantile(self, share: float) -> float:
        """The latency that a share of the requests does not exceed, taken as evenly spread within a bucket."""
        left = share * self.requests
        for (low, high), count in sorted(self.buckets.items()):
            if left <= count:
                return low + (high - low) * left / count
            left -= count
        return 0.0


def maps(output: str) -> dict[str, dict[str, Any]]:
    """The maps in what bpftrace prints, a JSON document a line, by their names."""
    found: dict[str, dict[str, Any]] = {}
    for line in output.splitlines():
        if line.startswith('{"type": "map"'):
            found.update(json.loads(line)["data"])
    return found


def latencies(found: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Latency]:
    """The requests by method and route, in the order of their names."""
    names = found.get("@name", {})
    made: dict[tuple[str, str], Latency] = {}

    def of(method: str, *route: str) -> Latency:
        return made.setdefault((_method(int(method)), str(names.get(",".join(route), NEVER_NAMED))), Latency())

    for key, count in found.get("@latency", {}).items():
        method, address, length, bucket = key.split(",")
        of(method, address, length).buckets[_bounds(int(bucket))] += count
    for key, nanoseconds in found.get("@waiting", {}).items():
        of(*key.split(",")).waiting += nanoseconds / 1e9
    for key, nanoseconds in found.get("@queueing", {}).items():
        of(*key.split(",")).queueing += nanoseconds / 1e9
    return dict(sorted(made.items()))


def stacks(found: Mapping[str, int], binary: Binary, moved_by: int) -> Counter[Stack]:
    """Weights by stacks with names; `moved_by` is how far the binary is in memory from where the linker put it."""
    counted: Counter[Stack] = Counter()
    for key, weight in found.items():
        counted[tuple(_names(key, lambda address: binary.function_at(address - moved_by)))] += weight
    return counted


def _method(word: int) -> str:
    """The method that bpftrace holds as a number, its first letter in the lowest byte."""
    return word.to_bytes(8, "little").rstrip(b"\0").decode(errors="replace") or NEVER_NAMED


def _bounds(bucket: int) -> tuple[float, float]:
    """The ends of a bucket of `probes.REQUESTS` in seconds."""
    exponent, mantissa = divmod(bucket, 8)
    return (mantissa << exponent) / 1e6, ((mantissa + 1) << exponent) / 1e6


def _names(key: str, function_at: Callable[[int], str]) -> Iterator[str]:
    """The functions in a key of stacks, from the outermost in; those of the kernel have its own names, as [read]."""
    lines = [line.strip() for line in re.split(r"[\n,]", key) if line.strip()]
    innermost = next((at for at, line in enumerate(lines) if line.startswith("0x")), len(lines))
    for at in reversed(range(len(lines))):
        if lines[at].startswith("0x"):
            # All but the innermost are return addresses, which may lie behind the end of a function.
            yield function_at(int(lines[at], 16) - (at != innermost)) or UNKNOWN
        else:
            yield f"[{lines[at].partition('+')[0]}]"
