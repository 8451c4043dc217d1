"""An issuer of OIDC tokens as pipelines have one, and an API server of its own that trusts it."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from service_tasks.engine.core.network import free_port

from ..support.waiting import until
from .cluster import OWN

ETCD = "http://127.0.0.1:23790"
"""The store of the cluster that .ci/kubernetes has started: this server has a part of it that is its own."""
ADMIN = "the-administrator"


def openssl(*words: str, feed: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=feed, check=True, capture_output=True).stdout


def encoded(content: bytes) -> str:
    """Base64 as a JWT has it (RFC 7515)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Issuer:
    """Signs tokens for jobs; `claims` and `seconds` are the next one's, `asked` the audiences of those before."""

    folder: Path
    claims: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 300
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key, self.certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        words = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=issuer"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.key), "-out", str(self.certificate)]
        openssl("req", *words, *names)
        self.port, self.token_port = free_port(), free_port()

    def url(self, ci: str) -> str:
        """The issuer that one place of pipelines is."""
        return f"https://127.0.0.1:{self.port}/{ci}"

    def request_url(self, ci: str) -> str:
        """Where a job asks for a token."""
        return f"http://127.0.0.1:{self.token_port}/{ci}?api-version=1"

    def token(self, ci: str, audience: str) -> str:
        """A token that the issuer has signed."""
        now = int(time.time())
        times = {"iat": now, "nbf": now - 1, "exp": now + int(self.seconds)}
        body = {"iss": self.url(ci), "sub": "a-job", "aud": audience, **times, **self.claims}
        parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": "1"}, body)]
        signed = openssl("dgst", "-sha256", "-sign", str(self.key), feed=".".join(parts).encode())
        return ".".join([*parts, encoded(signed)])

    def answer(self, path: str, bearer: str) -> dict[str, Any]:
        """What a GET gives: discovery, the key, or a token for whoever may ask for one."""
        parts = urlsplit(path)
        ci, _, rest = parts.path.strip("/").partition("/")
        if rest == ".well-known/openid-configuration":
            return {
                "issuer": self.url(ci),
                "jwks_uri": f"{self.url(ci)}/keys",
                "response_types_supported": ["id_token"],
            }
        if rest == "keys":
            modulus = bytes.fromhex(openssl("rsa", "-in", str(self.key), "-noout", "-modulus").decode().split("=")[1])
            return {"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "n": encoded(modulus), "e": "AQAB"}]}
        assert bearer == "bearer of-the-job"
        self.asked += parse_qs(parts.query)["audience"]
        return {"value": self.token(ci, self.asked[-1])}


@contextmanager
def issuing(issuer: Issuer) -> Iterator[Issuer]:
    """Let an issuer answer: by TLS where its keys are asked for, plainly where jobs ask for tokens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = json.dumps(issuer.answer(self.path, self.headers.get("Authorization", ""))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, format: str, *words: object) -> None:
            """Nothing."""

    servers = [ThreadingHTTPServer(("127.0.0.1", port), Handler) for port in (issuer.port, issuer.token_port)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issuer.certificate, issuer.key)
    servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@dataclass
class ApiServer:
    """An API server with no nodes: it authenticates and authorizes."""

    folder: Path
    port: int

    def clusters(self) -> str:
        """A kubeconfig of this server, for a user that is not in it."""
        cluster = {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}
        named = [{"name": "trusting", "cluster": cluster}]
        contexts = [{"name": "trusting", "context": {"cluster": "trusting", "user": "pipeline"}}]
        return json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": named, "contexts": contexts})

    def admin(self, *words: str) -> str:
        """Run kubectl as administrator."""
        config = json.loads(self.clusters())
        config["users"] = [{"name": "pipeline", "user": {"token": ADMIN}}]
        (self.folder / "admin.yaml").write_text(json.dumps(config))
        done = kubectl_with(str(self.folder / "admin.yaml"), *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


def kubectl_with(config: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run kubectl with a kubeconfig and little else, as the tasks do."""
    env = {"KUBECONFIG": config, "PATH": f"{OWN / 'bin'}:/usr/bin:/bin", "HOME": str(Path(config.split(":")[0]).parent)}
    command = ["kubectl", "--context=trusting", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def trusting(folder: Path, authentication: str) -> Iterator[ApiServer]:
    """An API server that is given an authentication configuration."""
    server = ApiServer(folder, free_port())
    (folder / "authentication.yaml").write_text(authentication)
    (folder / "tokens.csv").write_text(f"{ADMIN},admin,1,system:masters\n")
    accounts = [str(OWN / f"accounts.{kind}") for kind in ("pub", "key")]
    command = [
        str(OWN / "bin" / "kubenode"),
        "kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--secure-port={server.port}",
    ]
    command += [f"--etcd-prefix=/trusting-{server.port}", "--bind-address=127.0.0.1", "--authorization-mode=RBAC"]
    command += ["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.97.0.0/24"]
    command += ["--service-account-issuer=https://trusting", f"--service-account-key-file={accounts[0]}"]
    command += [f"--service-account-signing-key-file={accounts[1]}", f"--cert-dir={folder / 'certs'}"]
    command += [
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--authentication-config={folder / 'authentication.yaml'}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        config = str(folder / "admin.yaml")
        (folder / "admin.yaml").write_text("")
        until(lambda: _ready(server, config, process), f"the API server is not ready: {folder / 'log'}")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _ready(server: ApiServer, config: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the API server has ended"
    try:
        return server.admin("get", "--raw=/readyz") == "ok"
    except AssertionError:
        return False
