"""The engine that the tasks use is the one that the docker command would use, and never another one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import MissingFault
from service_tasks.engine.docker.endpoint import Certificates, Endpoint, default_endpoint
from service_tasks.engine.docker.engine import Engine

from ..support.service import Service, docker
from ..support.tls_engine import behind_tls, make_certificates, make_context

VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Endpoint]:
    """The engine with these variables in the shell, and no others of Docker's."""

    def with_variables(**variables: str) -> Endpoint:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in {"DOCKER_CONFIG": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        return default_endpoint()

    return with_variables


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls") / "certificates")


def test_without_anything_it_is_this_machines_socket(shell: Callable[..., Endpoint]) -> None:
    assert shell() == Endpoint("unix:///var/run/docker.sock")


def test_a_host_counts_more_than_a_context(shell: Callable[..., Endpoint]) -> None:
    assert shell(DOCKER_HOST="tcp://build:2375", DOCKER_CONTEXT="nowhere").host == "tcp://build:2375"


@pytest.mark.parametrize(
    ("variables", "verify"),
    [
        ({"DOCKER_TLS_VERIFY": "1"}, True),
        ({"DOCKER_TLS_VERIFY": "0"}, True),
        ({"DOCKER_TLS": "1"}, False),
        ({"DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": "1"}, True),
    ],
)
def test_certificates_come_from_the_variables(
    shell: Callable[..., Endpoint], variables: dict[str, str], verify: bool
) -> None:
    found = shell(DOCKER_HOST="tcp://build:2376", DOCKER_CERT_PATH="/certificates", **variables)

    assert found.certificates == Certificates(Path("/certificates"), verify)


def test_a_folder_of_certificates_alone_means_no_tls(shell: Callable[..., Endpoint]) -> None:
    assert shell(DOCKER_HOST="tcp://build:2375", DOCKER_CERT_PATH="/certificates").certificates is None


def test_the_current_context_is_read_with_its_certificates(
    shell: Callable[..., Endpoint], tmp_path: Path, certificates: Path
) -> None:
    make_context(tmp_path, "build", "tcp://build:2376", certificates)

    found = shell()

    assert found.host == "tcp://build:2376"
    assert found.certificates and (found.certificates.folder / "key.pem").exists()
    assert shell(DOCKER_CONTEXT="default").host == "unix:///var/run/docker.sock"


def test_a_context_that_is_not_there_is_refused_in_dockers_words(shell: Callable[..., Endpoint]) -> None:
    with pytest.raises(MissingFault, match="there is no Docker context prood") as fault:
        shell(DOCKER_CONTEXT="prood")

    assert fault.value.where == "DOCKER_CONTEXT=prood"
    assert "context not found" in " ".join(fault.value.details)


@pytest.mark.parametrize("content", ["{", "[]", '{"Endpoints": {}}'])
def test_a_context_whose_file_is_broken_is_refused(
    shell: Callable[..., Endpoint], tmp_path: Path, certificates: Path, content: str
) -> None:
    make_context(tmp_path, "build", "tcp://build:2376", certificates)
    next(tmp_path.glob("contexts/meta/*/meta.json")).write_text(content)

    with pytest.raises(MissingFault, match="there is no Docker context build"):
        shell()


@pytest.mark.parametrize(
    ("host", "address", "local"),
    [
        ("unix:///run/user/1000/docker.sock", "localhost", True),
        ("tcp://build:2375", "build", False),
        ("tcp://[2001:db8::1]:2376", "[2001:db8::1]", False),
        ("ssh://deploy@build", "build", False),
    ],
)
def test_an_engine_is_on_the_machine_that_its_address_names(host: str, address: str, local: bool) -> None:
    assert (Endpoint(host).address, Endpoint(host).local) == (address, local)


# --- With tasks and a real engine -----------------------------------------------------------------


@pytest.fixture(scope="module")
def service(make_service: Callable[..., Service]) -> Iterator[Service]:
    made = make_service("docker", database="none")
    yield made
    made.env.clear()


@pytest.mark.docker
@pytest.mark.parametrize(
    "words",
    [
        "status",
        "history",
        "health",
        "rollback",
        "maintenance --on",
        "logs",
        "down",
        "deploy",
        "deploy --plan",
        "up",
        "image",
        "drill.kill",
        "exec -- /app version",
    ],
)
def test_no_task_falls_back_to_another_engine(service: Service, words: str) -> None:
    task, *rest = words.split()
    service.env = {"DOCKER_CONTEXT": "prood", "DOCKER_HOST": ""}
    before = docker("ps", "--all", "--quiet", "--filter", f"name={service.folder.name}").stdout

    done = service.invoke(task, "--env=staging", *rest)

    assert done.returncode == 3, done.stdout + done.stderr
    assert "there is no Docker context prood" in done.stderr
    assert docker("ps", "--all", "--quiet", "--filter", f"name={service.folder.name}").stdout == before
    service.env = {}


@pytest.mark.docker
def test_doctor_tells_of_a_context_that_is_not_there(service: Service) -> None:
    service.env = {"DOCKER_CONTEXT": "prood", "DOCKER_HOST": ""}
    done = service.invoke("doctor", "--env=staging")
    service.env = {}

    assert "there is no Docker context prood" in done.stdout + done.stderr


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("way", ["variables", "context"])
def test_an_engine_behind_tls_is_deployed_to(service: Service, certificates: Path, way: str) -> None:
    with behind_tls(certificates) as host:
        if way == "context":
            config = service.folder.parent / "docker"
            make_context(config, "build", host, certificates)
            plugins = Path.home() / ".docker" / "cli-plugins"
            if plugins.exists():
                (config / "cli-plugins").symlink_to(plugins)
            service.env = {"DOCKER_CONFIG": str(config), "DOCKER_HOST": ""}
        else:
            service.env = {"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
        service.deploy(f"--set=LOG_LEVEL={'warn' if way == 'context' else 'error'}")
        assert service.status()["state"] == "serving"
        assert service.invoke("health", "--env=staging").returncode == 0
        assert service.invoke("maintenance", "--env=staging", "--off").returncode == 0
    service.env = {}


@pytest.mark.docker
def test_a_certificate_of_another_authority_is_not_accepted(certificates: Path, tmp_path: Path) -> None:
    other = make_certificates(tmp_path / "other")
    with behind_tls(certificates) as host, pytest.raises(MissingFault, match="no Docker engine answers"):
        Engine(Endpoint(host, Certificates(other))).connected()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_use_the_socket_is_told_the_group(tmp_path: Path) -> None:
    socket = tmp_path / "docker.sock"
    code = (
        "import os, socket, sys; sys.path.insert(0, '.')\n"
        f"s = socket.socket(socket.AF_UNIX); s.bind({str(socket)!r}); s.listen()\n"
        f"os.chown({str(socket)!r}, 0, 0); os.chmod({str(socket)!r}, 0o660)\n"
        "from service_tasks.engine.docker.endpoint import Endpoint\n"
        "from service_tasks.engine.docker.engine import Engine\n"
        "import docker\n"
        f"os.chmod({str(tmp_path)!r}, 0o755); os.setgid(65534); os.setuid(65534)\n"
        "try: Engine(Endpoint('unix://' + sys.argv[1])).connected()\n"
        "except Exception as fault: print(fault)\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    command = [sys.executable, "-c", code, str(socket)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "its socket is for the group root" in done.stdout, done.stderr
    assert "usermod --append --groups root" in done.stdout
    assert str(socket) in done.stdout
