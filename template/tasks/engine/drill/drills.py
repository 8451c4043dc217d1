"""Drills: a fault is injected into a running environment under load, taken back, and what it did is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ..config.settings import Environment, Settings
from ..core.console import Console
from ..core.errors import DeployFault, UsageFault, nearest
from ..core.paths import ROOT
from ..core.waiting import let_pass, wait_until
from ..deploy.target import Target
from .load import STEADY, TOKEN, Load, recovery
from .redeploy import redeploy

OF_PROCESSES = ("kill", "pause")
"""The drills that can break a process beside the service."""
SHARE = 0.3
"""The part of the load's seconds that passes before the fault, and that a fault with a length lasts."""


@dataclass(frozen=True)
class Wanted:
    """A drill as it was asked for: seconds and connections of load, and the seconds to recover in.

    With `process` it breaks one of a process beside the service, which has to recover as well.
    """

    name: str
    seconds: float
    connections: int
    rto_seconds: float
    process: str = ""


@dataclass(frozen=True)
class Report:
    """What a drill showed. `recovered_seconds` is None where the service did not recover while it was watched, or the
    process that was broken.

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
        if not self.recovered_seconds and self.recovered_seconds is not None:
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
    """UsageFault where the environment is production and nobody said so."""
    if environment.name == "prod" and not yes_in_production:
        raise UsageFault(
            f"{name} breaks prod on purpose",
            remedy="take another environment, or add --yes-in-production if you mean it",
        )


def require_process(target: Target, name: str, process: str) -> None:
    """UsageFault where a drill is not about processes, or what serves has no process of this name that runs."""
    if name not in OF_PROCESSES:
        remedy = "leave --process away, or take " + " or ".join(f"drill.{each}" for each in OF_PROCESSES)
        raise UsageFault(f"drill.{name} breaks no process beside the service", remedy=remedy)
    live = target.live_slot()
    running = [each.process for each in target.processes() if each.slot == live and each.running]
    if process not in running:
        raise UsageFault(f'no process "{process}" runs in {target.environment_name}', remedy=nearest(process, running))


def run(target: Target, settings: Settings, wanted: Wanted, console: Console, level: str) -> Report:
    """Drive load, inject the fault, take it back, and watch until answers are steady or the RTO is over.

    `level` is the LOG_LEVEL that is set. SIGTERM ends a drill as Ctrl-C does, with the fault taken back.
    """
    victim = target.victim(wanted.name, wanted.process)
    fault = _redeploying(target, level) if wanted.name == "redeploy" else target.fault(wanted.name, wanted.process)
    with target.front_door() as url:
        load = Load(url, wanted.connections)
        away = _drill(target, load, fault, wanted, victim, console)
        with console.step("orders"):
            missing = None if settings.database == "none" else len(load.missing())
    return judge(wanted, load, missing, (settings.service, target.environment_name, victim), away)


def _drill(
    target: Target,
    load: Load,
    fault: AbstractContextManager[Callable[[float], None]],
    wanted: Wanted,
    victim: str,
    console: Console,
) -> float | None:
    """Inject the fault under load, and watch until answers are steady or the RTO is over.

    Gives the seconds that the process was away that was broken; None where it did not come back.
    """
    with fault as inject, load.running():
        require_orders(load)
        until = time.monotonic() + wanted.seconds
        with console.step("load") as step:
            let_pass(wanted.seconds * SHARE)
            step.detail = f"{wanted.connections} connections to {target.url}"
        with console.step("fault") as step:
            step.detail = f"{wanted.name}: {victim}"
            broken = time.monotonic()
            inject(wanted.seconds * SHARE)
        with console.step("recover"):
            away = _away(target, wanted, broken) if wanted.process else 0
            _watch(load, until, wanted.rto_seconds)
    return away


def _away(target: Target, wanted: Wanted, since: float) -> float | None:
    """The seconds until the process is well that was broken then; None where it is not within the RTO."""

    def well() -> bool:
        live = target.live_slot()
        return all(each.well for each in target.processes() if (each.slot, each.process) == (live, wanted.process))

    return time.monotonic() - since if wait_until(well, wanted.rto_seconds, STEADY / 10) else None


def judge(
    wanted: Wanted, load: Load, missing: int | None, names: tuple[str, str, str], away: float | None = 0
) -> Report:
    """Hold what was measured to what is wanted; `names` are service, environment and container.

    `away` are the seconds that the process was away that was broken; None where it did not come back.

    A switch of releases must not lose any request; other faults may, within the RTO, but never an order.
    """
    service, env, container = names
    answering = recovery(load.samples)
    recovered = None if answering is None or away is None else max(answering, away)
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


@contextmanager
def _redeploying(target: Target, level: str) -> Iterator[Callable[[float], None]]:
    """A deploy and a rollback in place of a fault; they take the lock, and what fails by themselves."""
    wanted = "debug" if level == "info" else "info"
    yield lambda _: redeploy(ROOT, target.environment_name, f"LOG_LEVEL={wanted}")


def require_orders(load: Load) -> None:
    """DeployFault where the first order of a load was not taken: nothing would be driven."""
    if load.first_status != 201:
        raise DeployFault(
            "the service does not take orders",
            where=f"POST /v1/orders: {load.first_status or 'no answer'}",
            remedy=f"{TOKEN} has to hold a token for orders:read and orders:write"
            if load.first_status in (401, 403)
            else "a drill needs a service that is well, with the example's orders, and without maintenance",
        )


def _watch(load: Load, until: float, rto_seconds: float) -> None:
    latest = time.monotonic() + rto_seconds
    while time.monotonic() < until or (not load.steady() and time.monotonic() < latest):
        let_pass(STEADY / 10)
