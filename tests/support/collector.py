"""A collector of spans: what OTLP over HTTP brings it, unpacked and not taken apart."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .http_server import QuietHandler, serving


@dataclass
class Collector:
    """Where it is, and what it has got; while it is `silent` it takes requests and answers none."""

    url: str
    documents: list[bytes] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)

    def has(self, *words: bytes) -> bool:
        """Whether one document has all of these."""
        return any(all(word in document for word in words) for document in self.documents)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on this machine."""
    over = threading.Event()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = b"".join(self._chunks())
            if collector.silent.is_set():
                over.wait()
                return
            collector.documents.append(gzip.decompress(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _chunks(self) -> Iterator[bytes]:
            """The body, which Go sends in chunks (RFC 9112, section 7.1)."""
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

    with serving(Handler) as url:
        collector = Collector(url)
        try:
            yield collector
        finally:
            over.set()
