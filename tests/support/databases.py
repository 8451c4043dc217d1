"""The containers of a service's stack, and statements that are run in its database past the service."""

from __future__ import annotations

from .service import Service, docker


def container(service: Service, name: str) -> str:
    """The name of the newest running container of a service of the stack."""
    listed = docker("ps", "--format", "{{.Names}}", "--filter", f"name={service.folder.name}-staging-{name}")
    return listed.stdout.split()[0]


def sql(service: Service, statement: str) -> str:
    """Run a statement as somebody at the database's own client does; gives what it prints."""
    name, at = service.folder.name, container(service, "database")
    if "postgres:" in docker("exec", at, "cat", "/etc/passwd").stdout:
        words = ["psql", "--username", name, "--tuples-only", "--no-align", "--command", statement]
    else:
        client = f"mysql --user=root --batch --skip-column-names {name}"
        words = ["bash", "-c", f'{client} --password="$(cat /run/secrets/DATABASE_PASSWORD)" --execute="$0"', statement]
    done = docker("exec", at, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
