"""HTTPS and HTTP/2 by the files that docs/deploy.md shows: Caddy in front of the front door, never reloaded."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maintain.tls_example import ROOT_CERTIFICATE, caddy_image, read_example
from service_tasks.engine.core.network import free_port

from ..conftest import DOCKER_REQUIRED
from ..support.service import ROOT, Service, docker
from ..support.waiting import until
from .switches import deployed, invoke, orders_in_database, switch_under_load

EXAMPLE = read_example()
SCHEME = "/scheme"
"""A route that answers X-Forwarded-Proto."""


class Site:
    """A service behind Caddy, reached as `localhost` on a port of this machine."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.http, self.https = free_port(), free_port()

    def container(self, name: str) -> str:
        """The name of a container."""
        return f"{self.service.folder.name}-staging-{name}-1"

    def authority(self) -> str:
        """The certificate of Caddy's own authority, printed as the section says."""
        command = ("--service=tls", "--", "cat", ROOT_CERTIFICATE)
        return self.service.invoke("exec", "--env=staging", *command).stdout

    def connect(self, authority: str, *protocols: str, name: str = "localhost") -> ssl.SSLSocket:
        """A connection to a site that the authority vouches for."""
        context = ssl.create_default_context(cadata=authority)
        context.set_alpn_protocols(list(protocols))
        plain = socket.create_connection(("127.0.0.1", self.https), timeout=10)
        return context.wrap_socket(plain, server_hostname=name)

    def get(self, authority: str, path: str, **headers: str) -> tuple[int, str]:
        """Status and body of a GET over HTTPS."""
        connection = http.client.HTTPSConnection("localhost", self.https, timeout=10)
        connection.sock = self.connect(authority, "http/1.1")
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body


@pytest.fixture(scope="module")
def caddy() -> str:
    """An image of Caddy that can be had here."""
    image = caddy_image()
    if docker("image", "inspect", image).returncode == 0 or docker("pull", "--quiet", image).returncode == 0:
        return image
    reason = "no image of Caddy is here, and none can be pulled (./inv stand-ins)"
    if DOCKER_REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def site(make_service: Callable[..., Service], caddy: str) -> Site:
    """A service that was up without TLS, and got it."""
    service = make_service("docker")
    route = f'router.GET("{SCHEME}", func(c *gin.Context) {{ c.String(200, c.GetHeader("X-Forwarded-Proto")) }})'
    service.edit("internal/app/router.go", "\n\treturn router, nil\n", f"\n\t{route}\n\n\treturn router, nil\n")
    made = Site(deployed(service))
    EXAMPLE.describe(service.folder)
    service.set_local(**EXAMPLE.values(made.http, made.https, caddy))
    EXAMPLE.write(service.folder, EXAMPLE.private)
    service.deploy("--edge")
    return made


@pytest.mark.docker
def test_https_offers_http_2_under_a_certificate_of_the_private_authority(site: Site) -> None:
    with site.connect(site.authority(), "h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "h2"
    assert site.get(site.authority(), "/readyz")[0] == 200


@pytest.mark.docker
def test_plain_http_is_redirected_to_https(site: Site) -> None:
    connection = http.client.HTTPConnection("localhost", site.http, timeout=10)
    connection.request("GET", "/v1/orders")
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Location")) == (308, "https://localhost/v1/orders")


@pytest.mark.docker
def test_the_plain_port_is_this_machines_alone_and_deploys_go_on(site: Site) -> None:
    published = docker("port", site.container("edge"), "8080/tcp").stdout.split()
    assert published == [f"127.0.0.1:{site.service.port}"]

    invoke(site.service, "deploy", "--set=LOG_LEVEL=debug")

    assert site.service.get("/readyz").status == 200


@pytest.mark.docker
def test_the_service_knows_the_clients_address_and_that_it_came_by_https(site: Site) -> None:
    network = f"{site.service.folder.name}-staging_front"
    # What comes to the loopback of this machine, Docker hands on from the gateway of the network.
    gateway = json.loads(docker("network", "inspect", network).stdout)[0]["IPAM"]["Config"][0]["Gateway"]

    claim = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http"}
    assert site.get(site.authority(), SCHEME, **claim) == (200, "https")

    lines = site.service.invoke("logs", "--env=staging", "--lines=20").stdout.splitlines()
    logged = [json.loads(line[line.index("{") :]) for line in lines if f'"{SCHEME}"' in line]
    assert [line["client_ip"] for line in logged] == [gateway]


@pytest.mark.docker
@pytest.mark.slow
def test_switches_under_http_2_load_lose_no_request_and_make_no_order_twice(
    site: Site, load_client: Path, tmp_path: Path
) -> None:
    before = orders_in_database(site.service)
    started = docker("inspect", "--format={{.State.StartedAt}}", site.container("tls")).stdout
    (tmp_path / "root.crt").write_text(site.authority())
    options = (f"-url=https://localhost:{site.https}", f"-http2={tmp_path / 'root.crt'}")

    report = switch_under_load(site.service, load_client, *options)

    assert report.reasons == {}
    assert report.total.lost == 0
    assert report.created
    assert orders_in_database(site.service) - before == set(report.created)
    assert docker("inspect", "--format={{.State.StartedAt}}", site.container("tls")).stdout == started


@pytest.mark.docker
def test_a_certificate_of_ones_own_comes_from_secret_files(site: Site, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    secrets = site.service.folder / "secrets"
    secrets.mkdir(mode=0o700)
    for name, source in (("tls.crt", "cert.pem"), ("tls.key", "key.pem")):
        (secrets / name).write_text((tmp_path / source).read_text())
        (secrets / name).chmod(0o444)
    service, _, files = EXAMPLE.secrets.partition("\n\n")
    line = service.removeprefix("services:\n  tls:\n")
    override = EXAMPLE.override.replace("  tls:\n", f"  tls:\n{line}\n", 1) + "\n" + files
    EXAMPLE.write(site.service.folder, EXAMPLE.own, override)

    site.service.deploy()

    assert site.get(certificate, "/readyz")[0] == 200
    with site.connect(certificate, "h2") as connection:
        assert connection.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(certificate)


AUTHORITY = """\
{
	admin off
	skip_install_trust
}
ca.test {
	tls internal
	acme_server
}
"""
"""Caddy as a public authority would be: it gives a certificate to whoever answers at a name."""


@pytest.fixture
def authority(site: Site, caddy: str, tmp_path: Path) -> Iterator[str]:
    """The certificate of an authority that speaks ACME, in the network of the site."""
    name = site.container("ca")
    (tmp_path / "Caddyfile").write_text(AUTHORITY)
    place = (f"--network={site.service.folder.name}-staging_front", "--network-alias=ca.test")
    mount = f"--volume={tmp_path}:/etc/caddy:ro"
    assert docker("run", "--detach", "--name", name, *place, mount, caddy).returncode == 0
    until(lambda: docker("exec", name, "cat", ROOT_CERTIFICATE).returncode == 0, "the authority has no certificate")
    yield docker("exec", name, "cat", ROOT_CERTIFICATE).stdout
    docker("rm", "--force", "--volumes", name)


@pytest.mark.docker
def test_a_sites_certificate_is_issued_over_acme_without_a_line_for_it(site: Site, authority: str) -> None:
    service = site.service
    (service.folder / "tls" / "ca.crt").write_text(authority)
    # All that differs from a public site: which authority it is, and that this one finds the name.
    settings = "{\n\tacme_ca https://ca.test/acme/local/directory\n\tacme_ca_root /ca.crt\n"
    override = EXAMPLE.override.replace("networks: [front]", "networks: {front: {aliases: [site.test]}}", 1)
    override = override.replace('["tls:/data"]', '["tls:/data", "./tls/ca.crt:/ca.crt:ro"]')
    EXAMPLE.write(service.folder, "", override, EXAMPLE.caddyfile.replace("{\n", settings, 1))
    service.set_local(EDGE_SITE="site.test")

    service.deploy()

    def answers() -> bool:
        try:
            with site.connect(authority, "h2", name="site.test") as connection:
                return connection.selected_alpn_protocol() == "h2"
        except ssl.SSLError:
            return False

    until(answers, "no certificate is issued")


def make_certificate(folder: Path) -> str:
    """A certificate for localhost that vouches for itself, and its key, by a program that comes with Go."""
    root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    program = str(Path(root, "src", "crypto", "tls", "generate_cert.go"))
    command = ["go", "run", program, "--host=localhost", "--ecdsa-curve=P256", "--ca"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return (folder / "cert.pem").read_text()


def seconds(text: str, setting: str) -> int:
    """A setting in seconds, as the configuration of a door has it."""
    return int(re.findall(rf"^\s*{setting}\s+(\d+)s$", text, re.MULTILINE)[0])


def test_whoever_sends_requests_gives_up_an_idle_connection_before_the_other_side_does() -> None:
    edge = (ROOT / "template" / "edge" / "haproxy.cfg").read_text()
    keepalive = seconds(EXAMPLE.caddyfile, "keepalive")

    assert keepalive < seconds(edge, "timeout http-keep-alive")
    assert keepalive < seconds(edge, "timeout client")
