"""What programs hear of a deploy: JSON lines in a file, one for each step and one for the outcome, and a webhook.

The webhook gets the outcome alone, as a POST with the same document.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UsageFault
from ..core.redaction import redactor
from .releases import now

WEBHOOK_SECONDS = 5
"""How long a webhook may take: a deploy is over by then, and somebody waits for its last line."""


@dataclass(frozen=True)
class Events:
    """`facts` are in every event; `file` and `webhook` may be missing. `note` is told what could not be delivered."""

    facts: Mapping[str, str]
    file: Path | None
    webhook: str
    note: Callable[[str], None]

    def hear(self, document: Mapping[str, Any]) -> None:
        """Take an event down. What goes wrong is told, and changes nothing for the deploy."""
        line = redactor.redact(json.dumps({"at": now(), **self.facts, **document}))
        try:
            if self.file:
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
        except OSError as error:
            self.note(f"the event could not be written: {error}")
        if self.webhook and document.get("event") != "step":
            self._post(line)

    def _post(self, line: str) -> None:
        request = urllib.request.Request(self.webhook, line.encode(), {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS).close()
        except (OSError, ValueError) as error:
            # Without the URL: it may hold a token.
            self.note(f"the webhook was not reached: {getattr(error, 'reason', type(error).__name__)}")


def open_events(
    path: str, root: Path, webhook_file: str, facts: Mapping[str, str], note: Callable[[str], None]
) -> Events:
    """Events into the file `path`, made anew, and to the URL in `webhook_file`; either may be empty.

    Raises UsageFault where a file cannot be written or read.
    """
    file = Path(path).expanduser() if path else None
    try:
        if file:
            file.write_text("", encoding="utf-8")
    except OSError as error:
        raise UsageFault(f"the events cannot be written: {error}", where="--events") from error
    try:
        webhook = (root / webhook_file).read_text(encoding="utf-8").strip() if webhook_file else ""
    except OSError as error:
        remedy = "write the webhook's URL into that file, or leave webhook_file away"
        raise UsageFault(f"the webhook's URL cannot be read: {error}", where="invoke.yaml", remedy=remedy) from error
    return Events(facts, file, webhook, note)
