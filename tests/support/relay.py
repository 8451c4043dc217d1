"""A process that a developer adds to a service: it answers probes, and tells when it begins and ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .service import Service

CODE = """package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"MODULE/internal/platform/config"
)

// startsWell is whether a relay comes up.
const startsWell = true

// relay answers probes until a signal comes.
func relay(_ context.Context, p Process) error {
	tell := func(event string) {
		_ = json.NewEncoder(p.Stdout).Encode(map[string]any{
			"event": event, "process": p.Args[0], "version": p.Build.Version, "at": time.Now().UnixMicro(),
		})
	}
	if !startsWell {
		panic("the relay has nothing to do")
	}
	host, port := config.Lookup(p.Environ, "LISTEN_HOST", ""), config.Lookup(p.Environ, "HTTP_PORT", "8080")
	go func() {
		well := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		_ = http.ListenAndServe(net.JoinHostPort(host, port), well)
	}()
	tell("begins")
	<-p.Signals
	tell("ends")
	return nil
}
"""
TYPES = """
processes:
  relay:
    command: [SERVICE, relay]
  mailer:
    command: [SERVICE, mailer]
    replicas: 2
    takeover: start-first
    health: running
"""


@dataclass(frozen=True)
class Told:
    """What a process has told: `at` is in microseconds since 1970."""

    event: str
    process: str
    version: str
    at: int


def add_processes(service: Service) -> None:
    """Give a service a relay, one at a time, and two mailers, of which new ones start first."""
    name = service.folder.name
    module = (service.folder / "go.mod").read_text(encoding="utf-8").split()[1]
    (service.folder / "internal/app/relay.go").write_text(CODE.replace("MODULE", module), encoding="utf-8")
    command = '{"healthcheck", "ask'
    service.edit("internal/app/app.go", command, f'{{"relay", "hand on", relay}},\n\t\t{command}')
    service.edit("internal/app/app.go", command, f'{{"mailer", "send", relay}},\n\t\t{command}')
    with (service.folder / "invoke.yaml").open("a", encoding="utf-8") as file:
        file.write(TYPES.replace("SERVICE", name))


def told(service: Service, process: str) -> list[Told]:
    """What all processes of a type have told, as `logs` shows it, in its order of time."""
    done = service.invoke("logs", "--env=staging", f"--service={process}", "--lines=1000")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line[line.index("{") :] for line in done.stdout.splitlines() if '"event":' in line]
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return sorted((Told(**each) for each in found), key=lambda each: each.at)


def at_work(service: Service, process: str) -> list[str]:
    """The versions of those that have begun and not ended."""
    versions: list[str] = []
    for each in told(service, process):
        if each.event == "begins":
            versions.append(each.version)
        else:
            versions.remove(each.version)
    return versions


JOBS = """
processes:
  purge:
    command: [SERVICE, purge]
    schedule: "* * * * *"
  broken:
    command: [SERVICE, broken]
    schedule: "* * * * *"
"""
WORK = """package app

import (
	"context"
	"errors"
	"fmt"
)

// purge removes what is not wanted any more.
func purge(_ context.Context, p Process) error {
	_, err := fmt.Fprintln(p.Stdout, "purged")
	return err
}

// broken always fails.
func broken(context.Context, Process) error { return errBroken }

var errBroken = errors.New("nothing can be broken any more")
"""


def add_jobs(service: Service) -> None:
    """Give a service a job that works, and one that ends with exit code 3, both every minute."""
    (service.folder / "internal/app/jobs.go").write_text(WORK, encoding="utf-8")
    command = '{"healthcheck", "ask'
    for name in ("purge", "broken"):
        service.edit("internal/app/app.go", command, f'{{"{name}", "work now and then", {name}}},\n\t\t{command}')
    service.edit(
        "internal/app/app.go",
        "	return exitFailure\n",
        "	if errors.Is(err, errBroken) {\n		return 3\n	}\n	return exitFailure\n",
    )
    with (service.folder / "invoke.yaml").open("a", encoding="utf-8") as file:
        file.write(JOBS.replace("SERVICE", service.folder.name))
