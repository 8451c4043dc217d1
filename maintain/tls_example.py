"""The files of the section TLS in docs/deploy.md, as tests and measurements give them to a service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .rendering import ROOT
from .stand_ins import examples_present

SITE = "{$EDGE_SITE} {\n"
ROOT_CERTIFICATE = "/data/caddy/pki/authorities/local/root.crt"
"""Where Caddy keeps the certificate of its own authority."""


@dataclass(frozen=True)
class Example:
    """What the section shows: files, what is added to them, and the lines that choose a certificate."""

    caddyfile: str
    override: str
    secrets: str
    schema: str
    private: str
    own: str
    proxies: str

    def write(self, service: Path, certificate: str, override: str = "", caddyfile: str = "") -> None:
        """Write Caddyfile and override into a service, with a line for the certificate; others where they are given."""
        (service / "tls").mkdir(exist_ok=True)
        text = (caddyfile or self.caddyfile).replace(SITE, f"{SITE}\t{certificate}\n" if certificate else SITE)
        (service / "tls" / "Caddyfile").write_text(text, encoding="utf-8")
        (service / "docker-compose.override.yml").write_text(override or self.override, encoding="utf-8")

    def describe(self, service: Path) -> None:
        """Add the variables to the schema of a service."""
        with (service / ".env.example").open("a", encoding="utf-8") as schema:
            schema.write(self.schema)

    def values(self, http: int, https: int, image: str) -> Mapping[str, str]:
        """The values of an environment on this machine, with the ports of its two doors and Caddy's image."""
        ports = {"EDGE_HTTP_PORT": str(http), "EDGE_HTTPS_PORT": str(https)}
        return {**ports, "EDGE_SITE": "localhost", "TRUSTED_PROXIES": self.proxies, "CADDY_IMAGE": image}


def read_example() -> Example:
    """Read the section."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = text.partition("\n## TLS\n")[2].partition("\n## ")[0]

    def blocks(language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)

    override, secrets = blocks("yaml")
    private, own = re.findall(r"^\|[^|]*\| `(tls [^`]+)` \|", section, re.MULTILINE)
    (proxies,) = re.findall(r"`TRUSTED_PROXIES=([^`]+)`", section)
    return Example(blocks("caddyfile")[0], override, secrets, blocks("sh")[0], private, own, proxies)


def caddy_image() -> str:
    """The stand-in for Caddy where the engine holds it, else the official image."""
    return examples_present().get("CADDY_IMAGE", "caddy:2")
