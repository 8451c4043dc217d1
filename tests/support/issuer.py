"""An identity provider: it publishes keys, which can be rotated, and signs tokens with them."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .http_server import QuietHandler, serving


@dataclass(frozen=True)
class Key:
    """An Ed25519 key of the issuer, in a file of openssl."""

    name: str
    file: Path

    def public(self) -> dict[str, str]:
        """The public part as a JWK (RFC 8037): the last 32 bytes of the DER document."""
        der = _openssl("pkey", "-in", str(self.file), "-pubout", "-outform", "DER")
        return {"kid": self.name, "kty": "OKP", "crv": "Ed25519", "use": "sig", "x": _encoded(der[-32:])}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims."""
        header = {"alg": "EdDSA", "typ": "at+jwt", "kid": self.name}
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        draft = self.file.with_suffix(".txt")
        draft.write_text(text)
        return f"{text}.{_encoded(_openssl('pkeyutl', '-sign', '-rawin', '-inkey', str(self.file), '-in', str(draft)))}"


@dataclass
class Issuer:
    """What is published, and where."""

    folder: Path
    url: str
    published: list[Key] = field(default_factory=list)
    away: bool = False

    def new_key(self, name: str) -> Key:
        """Make a key, which is not published yet."""
        file = self.folder / f"{name}.pem"
        _openssl("genpkey", "-algorithm", "ed25519", "-out", str(file))
        return Key(name, file)

    def token(self, key: Key, audience: str, *, seconds: int = 600, scope: str = "orders:read orders:write") -> str:
        """A token that is good for some seconds from now, or was until some seconds ago."""
        claims = {
            "iss": self.url,
            "aud": audience,
            "sub": "somebody",
            "scope": scope,
            "exp": int(time.time()) + seconds,
        }
        return key.sign(claims)


@contextmanager
def issuing(folder: Path) -> Iterator[Issuer]:
    """Run an issuer on this machine; its keys are at its URL."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": [key.public() for key in issuer.published]}).encode()
            self.send_response(503 if issuer.away else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as url:
        issuer = Issuer(folder, url)
        yield issuer


def _openssl(*words: str) -> bytes:
    return subprocess.run(["openssl", *words], capture_output=True, check=True, timeout=30).stdout


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
