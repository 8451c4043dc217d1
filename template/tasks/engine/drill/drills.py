"""Drills: a fault is injected into a running environment under load, taken back, and what it did is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.settings import Environment, Settings
from ..core.console import Console
from ..core.errors import DeployFault, UsageFault
from ..docker import faults
from ..docker.fence import Claim, plain_name
from ..docker.target import DockerTarget
from .load import STEADY, Load, recovery

if TYPE_CHECKING:
    from docker.models.containers import Container

SHARE = 0.3
"""The part of the load's seconds that passes before the fault, and that a fault with a length lasts."""


@dataclass(frozen=True)
class Wanted:
    """A drill as it was asked for: seconds and connections of load, and the seconds to recover in."""

    name: str
    seconds: float
    connections: int
    rto_seconds: float


@dataclass(frozen=True)
class Report:
    """What a drill showed. `recovered_seconds` is None where the service did not recover while it was watched.

    `orders_missing` is None where orders are in memory and end with the process, as the service has no database.
    """

    service: str
    env: str
    drill: str
    container: str
    requests: int
    lost: int
    late: int
    slowest_seconds: float
    recovered_seconds: float | None
    rto_seconds: float
    orders_acknowledged: int
    orders_missing: int | None
    passed: bool

    def rows(self) -> list[tuple[str, str]]:
        """The report for people."""
        recovered = "no" if self.recovered_seconds is None else f"after {self.recovered_seconds:.1f} s"
        if not self.lost and not self.late:
            recovered = "nothing to recover from"
        missing = "not looked for: they are in memory" if self.orders_missing is None else str(self.orders_missing)
        return [
            ("container", self.container),
            ("requests", str(self.requests)),
            ("lost", str(self.lost)),
            ("answered late", f"{self.late}, the slowest after {self.slowest_seconds:.1f} s"),
            ("recovered", f"{recovered} (RTO {self.rto_seconds:.0f} s)"),
            ("orders acknowledged", str(self.orders_acknowledged)),
            ("orders missing", missing),
            ("passed", "yes" if self.passed else "no"),
        ]


def allow(environment: Environment, name: str, yes_in_production: bool) -> None:
    """UsageFault where the environment is production and nobody said so, or its target knows no drills."""
    if environment.name == "prod" and not yes_in_production:
        raise UsageFault(
            f"{name} breaks prod on purpose",
            remedy="take another environment, or add --yes-in-production if you mean it",
        )
    if environment.target != "docker":
        raise UsageFault(
            f"{name} needs the docker target, and {environment.name} has the target {environment.target}",
            where="invoke.yaml",
            remedy="drill an environment with target: docker",
        )


def run(target: DockerTarget, settings: Settings, wanted: Wanted, console: Console) -> Report:
    """Drive load, inject the fault, take it back, and watch until answers are steady or the RTO is over."""
    container = find(target, wanted.name)
    name = plain_name(container)
    load = Load(target.probe_url, wanted.connections)
    with faults.guarded(), _claimed(target, container, wanted.name) as claim, load.running():
        _require_orders(load)
        until = time.monotonic() + wanted.seconds
        with console.step("load") as step:
            faults.wait(wanted.seconds * SHARE)
            step.detail = f"{wanted.connections} connections to {target.url}"
        with console.step("fault") as step:
            step.detail = f"{wanted.name}: {name}"
            _inject(target, claim, wanted)
        with console.step("recover"), faults.taken_back(claim) if claim else nullcontext():
            _watch(load, until, wanted.rto_seconds)
    with console.step("orders"):
        missing = None if settings.database == "none" else len(load.missing())
    return judge(wanted, load, missing, (settings.service, target.environment.name, name))


def judge(wanted: Wanted, load: Load, missing: int | None, names: tuple[str, str, str]) -> Report:
    """Hold what was measured to what is wanted; `names` are service, environment and container.

    A switch of releases must not lose any request; other faults may, within the RTO, but never an order.
    """
    service, env, container = names
    recovered = recovery(load.samples)
    lost = sum(not sample.answered for sample in load.samples)
    in_time = recovered is not None and recovered <= wanted.rto_seconds
    return Report(
        service=service,
        env=env,
        drill=wanted.name,
        container=container,
        requests=len(load.samples),
        lost=lost,
        late=sum(sample.answered and not sample.good for sample in load.samples),
        slowest_seconds=round(max((sample.seconds for sample in load.samples), default=0), 2),
        recovered_seconds=None if recovered is None else round(recovered, 2),
        rto_seconds=wanted.rto_seconds,
        orders_acknowledged=len(load.orders),
        orders_missing=missing,
        passed=in_time and not missing and bool(load.orders) and not (lost and wanted.name == "redeploy"),
    )


def find(target: DockerTarget, name: str) -> Container:
    """The container that the drill's fault is for."""
    live = target.live_slot()
    if not live:
        raise DeployFault(f"no release serves in {target.environment.name}", remedy="deploy first")
    with_database = "database" in target.project.services
    if name == "restart-database" and not with_database:
        raise UsageFault("the stack has no database of its own", remedy="drill.kill shows how a restart is survived")
    database = name == "restart-database" or (name == "latency" and with_database)
    return target.stack.require("database" if database else f"app-{live}")


def _claimed(target: DockerTarget, container: Container, name: str) -> AbstractContextManager[Claim | None]:
    """The container for the drill alone; None for the drill that leaves the lock to its deploys."""
    return nullcontext() if name == "redeploy" else target.stack.fence.claimed(container)


def _inject(target: DockerTarget, claim: Claim | None, wanted: Wanted) -> None:
    if claim is None:
        level = "debug" if target.project.configuration["LOG_LEVEL"] == "info" else "info"
        faults.redeploy(target.runner.root, target.environment.name, f"LOG_LEVEL={level}")
        return
    seconds, image = wanted.seconds * SHARE, str(target.stack.require("edge").attrs["Image"])
    injections: Mapping[str, Callable[[], None]] = {
        "kill": lambda: faults.kill(target.stack.fence, claim, image),
        "pause": lambda: faults.freeze(claim, seconds),
        "latency": lambda: faults.slow_down(claim, seconds),
        "restart-database": claim.restart,
    }
    with nullcontext() if wanted.name == "kill" else faults.taken_back(claim):
        injections[wanted.name]()


def _require_orders(load: Load) -> None:
    if load.first_status != 201:
        raise DeployFault(
            "the service does not take orders",
            where=f"POST /v1/orders: {load.first_status or 'no answer'}",
            remedy="a drill needs a service that is well, with the example's orders, and without maintenance",
        )


def _watch(load: Load, until: float, rto_seconds: float) -> None:
    latest = time.monotonic() + rto_seconds
    while time.monotonic() < until or (not load.steady() and time.monotonic() < latest):
        faults.wait(STEADY / 10)
