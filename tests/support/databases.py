"""The containers of a service's stack, and statements that are run in its database past the service."""

from __future__ import annotations

import subprocess

from .service import Service, docker
from .waiting import until


def container(service: Service, name: str) -> str:
    """The name of the newest running container of a service of the stack."""
    listed = docker("ps", "--format", "{{.Names}}", "--filter", f"name={service.folder.name}-staging-{name}")
    return listed.stdout.split()[0]


def sql(service: Service, statement: str) -> str:
    """Run a statement as somebody at the database's own client does; gives what it prints."""
    done = client(service, statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def client(service: Service, statement: str) -> subprocess.CompletedProcess[str]:
    """Run a statement, which fails while the database does not answer."""
    name, at = service.folder.name, container(service, "database")
    if "postgres:" in docker("exec", at, "cat", "/etc/passwd").stdout:
        words = ["psql", "--username", name, "--tuples-only", "--no-align", "--command", statement]
    else:
        program = f"mysql --user=root --batch --skip-column-names {name}"
        words = [
            "bash",
            "-c",
            f'{program} --password="$(cat /run/secrets/DATABASE_PASSWORD)" --execute="$0"',
            statement,
        ]
    return docker("exec", at, *words)


def kill(service: Service, name: str) -> None:
    """Kill a container of the stack; the database is started again, so that it can be changed past the service."""
    docker("kill", container(service, name))
    if name == "database":
        docker("start", f"{service.folder.name}-staging-database-1")
        until(lambda: client(service, "SELECT 1").returncode == 0, "the database is not back")
