"""Tasks that look at what is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invoke.context import Context

from .cli import ENV, HOST, JSON, leave, service_task, session
from .engine.core.console import print_json, table
from .engine.deploy.history import HEADINGS as ENTRY_HEADINGS
from .engine.deploy.history import read_history
from .engine.deploy.job_runs import JobRun
from .engine.deploy.secret_ages import told
from .engine.deploy.status import probe_front_door, read_status
from .engine.targets import front_doors, make_targets

SLOT_HEADINGS = ("slot", "state", "health", "traffic", "in_flight", "release")
PROCESS_HEADINGS = ("process", "replicas", "running", "healthy", "release", "last_run")


@service_task(help={**ENV, **HOST, **JSON})
def history(c: Context, env: str = "dev", host: str = "", json: bool = False) -> None:
    """Show all deploys and rollbacks, the newest first: when, what, by whom, with which outcome."""
    s = session(c, env, json)
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment), host)
    entries = read_history(targets)
    if json:
        print_json([entry.document() for entry in entries])
        return
    several = len(targets) > 1
    headings = ("when (UTC)", *(["host"] if several else []), *ENTRY_HEADINGS)
    table(headings, [entry.row(several) for entry in entries])


@service_task(help={**ENV, **HOST, **JSON})
def status(c: Context, env: str = "dev", host: str = "", json: bool = False) -> None:
    """Show which release serves, since when, and both slots."""
    s = session(c, env, json)
    targets = make_targets(s.runner, s.settings, s.environments.configuration(s.environment), host)
    document = read_status(targets, s.settings.service, env)
    if json:
        print_json(document)
        return
    release = document["release"] or {}
    shown = {**document, "maintenance": "on" if document["maintenance"] else "off"}
    rows = [(name, str(shown[name])) for name in ("service", "env", "target", "state", "maintenance", "url")]
    rows += [(name, str(release[name])) for name in ("version", "commit", "built_at", "deployed_at") if release]
    if configuration := document["configuration"]:
        rows += [("configuration", str(configuration["id"])), ("secrets", told(configuration["secrets"]))]
    rows += [
        (f"service {name}", "in no compose file any more; a deploy removes it") for name in document["left_behind"]
    ]
    table(("status", ""), rows)
    if "hosts" not in document:
        _tables([document], ())
        return
    print()
    table(("host", "url", "state"), [(each["host"], each["url"], each["state"]) for each in document["hosts"]])
    _tables(document["hosts"], ("host",))


@service_task(help={**ENV, **JSON})
def health(c: Context, env: str = "dev", json: bool = False) -> None:
    """Ask the service through its front door whether it is alive and ready; exit code 5 where it is not."""
    s = session(c, env, json)
    configuration = s.environments.configuration(s.environment)
    doors = front_doors(s.runner, s.settings, configuration)
    hosts = [probe_front_door(*door) for door in doors]
    ready = all(each["healthy"] for each in hosts)
    first = {name: hosts[0][name] for name in ("url", "probes")}
    several = {"hosts": hosts} if hosts[0]["host"] else {}
    document = {"service": s.settings.service, "env": env, "healthy": ready, **first, **several}
    if json:
        print_json(document)
    else:
        for each in hosts:
            rows = [
                (path, str(probe["status"] or "-"), _short(probe["answer"])) for path, probe in each["probes"].items()
            ]
            table((f"{each['host']} probe".strip(), "status", "answer"), rows)
    if not ready:
        leave(5, f"error: {s.settings.service} in {env} is not healthy\n  what to do: status and logs show more")


def _tables(places: Sequence[Mapping[str, Any]], head: tuple[str, ...]) -> None:
    """The slots of one or more hosts, and what runs beside the service where anything does."""
    for part, headings in (("slots", SLOT_HEADINGS), ("processes", PROCESS_HEADINGS)):
        found = [([place[name] for name in head], each) for place in places for each in place[part]]
        if found:
            print()
            table((*head, *headings), [[*where, *(_cell(each, name) for name in headings)] for where, each in found])


def _cell(found: Mapping[str, Any], name: str) -> str:
    value = found[name]
    return JobRun(**value).described() if isinstance(value, dict) else str("" if value is None else value)


def _short(answer: object) -> str:
    if isinstance(answer, dict) and "status" in answer:
        checks = answer.get("checks") or {}
        failed = [f"{name}: {check.get('error', '')}" for name, check in checks.items() if check.get("error")]
        return "; ".join([str(answer["status"]), *failed])
    return str(answer)[:100]
