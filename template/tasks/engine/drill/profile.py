"""CPU profiles of a running service, by its own pprof."""

from __future__ import annotations

import math
import urllib.error
import urllib.request

from ..core.errors import DeployFault

PATIENCE = 30
"""Seconds beyond the profile's own: it is sent when it is complete."""
GZIP = b"\x1f\x8b"


def cpu_profile(admin: str, seconds: float) -> bytes:
    """What the service at the admin address did for some seconds; DeployFault where it does not say."""
    url = f"{admin}/debug/pprof/profile?seconds={math.ceil(seconds)}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=seconds + PATIENCE) as answer:
            profile: bytes = answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise DeployFault(f"the service gives no profile: {error}", where=url) from error
    if not profile.startswith(GZIP):
        raise DeployFault("what the service gives is no profile", where=url)
    return profile
