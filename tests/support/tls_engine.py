"""The engine of this machine behind TLS, as one on another machine is: only who has a certificate comes to it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from .proxies import beside, pass_on, serve


def make_certificates(folder: Path) -> Path:
    """An authority, and a certificate of it that serves as the engine's and as the user's; gives their folder."""
    folder.mkdir(parents=True)
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca-key.pem", "-out", "ca.pem",
             "-days", "2", "-subj", "/CN=authority")  # fmt: skip
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request.pem",
             "-subj", "/CN=localhost")  # fmt: skip
    (folder / "names").write_text(names)
    _openssl(folder, "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
             "-out", "cert.pem", "-days", "2", "-extfile", "names")  # fmt: skip
    return folder


@contextmanager
def behind_tls(certificates: Path) -> Iterator[str]:
    """The engine behind TLS; gives the address as DOCKER_HOST names it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def admit(plain: socket.socket, engine: socket.socket) -> None:
        with suppress(OSError):
            client = context.wrap_socket(plain, server_side=True)
            beside(pass_on, engine, client)
            pass_on(client, engine)

    serve(listener, admit)
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def make_context(config: Path, name: str, host: str, certificates: Path) -> None:
    """A Docker context with certificates, in a folder as DOCKER_CONFIG names it, that is the current one."""
    number = sha256(name.encode()).hexdigest()
    meta, tls = config / "contexts" / "meta" / number, config / "contexts" / "tls" / number / "docker"
    for folder in (meta, tls):
        folder.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (tls / file).write_bytes((certificates / file).read_bytes())
    (config / "config.json").write_text(json.dumps({"currentContext": name}))


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
