"""Every earlier release, in the hands of people who did this and that, goes to the newest one and holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from service_tasks.engine.template.index import Index
from service_tasks.engine.template.report import Report
from service_tasks.engine.template.update import Updater

from ..support.sampling import some_of
from ..support.service import git
from ..support.template_versions import RENAMED, VERSIONS
from .updating import OWN_CODE, Garage, Subject, proved_once

pytestmark = pytest.mark.slow

EARLIER, NEWEST = VERSIONS[:-1], VERSIONS[-1]
ENDS = (EARLIER[0], EARLIER[-1])
"""Where an ordinary run begins: furthest from the newest release, and next to it."""
SECRETS = {".env.staging.local": "DATABASE_PASSWORD=kept\n", "secrets/prod.key": "kept\n"}
FEATURE = {"internal/billing/billing.go": OWN_CODE, "internal/order/notes.go": "package order\n\nconst note = 1\n"}
DEPENDENCY = """package billing

import "github.com/google/uuid"

// Number returns the number of a new bill.
func Number() string {
	return uuid.NewString()
}
"""

Change = Callable[[Subject, str], object]


@pytest.fixture(autouse=True, scope="module")
def builds() -> Iterator[None]:
    """Each Go tree is built once."""
    with proved_once():
        yield


@dataclass(frozen=True)
class Case:
    """What people did, and what comes of it: `conflicts` tells the paths by the release that they came from.

    `own` are files that stay as they are, to the byte; `answers` are of the service, `switched` of the update.
    """

    change: Change = lambda orders, version: None
    conflicts: Callable[[str], set[str]] = lambda version: set()
    own: dict[str, str] = field(default_factory=dict)
    check: Callable[[Subject, Report], object] = lambda orders, report: None
    answers: dict[str, Any] = field(default_factory=dict)
    switched: dict[str, str] = field(default_factory=dict)
    untouched: bool = False


def edited(name: str, old: str, new: str) -> Change:
    """Somebody changed a file."""
    return lambda orders, version: orders.edit(name, old, new)


def holds(name: str, *texts: str) -> Callable[[Subject, Report], None]:
    """All these texts are in a file."""

    def check(orders: Subject, report: Report) -> None:
        assert [text for text in texts if text not in orders.text(name)] == []

    return check


def add_dependency(orders: Subject, version: str) -> None:
    """Somebody wrote a feature that needs a module of its own."""
    orders.write("internal/billing/billing.go", DEPENDENCY)
    orders.edit("go.mod", "require (\n", "require (\n\tgithub.com/google/uuid v1.6.0\n")
    orders.write(
        "go.sum",
        orders.text("go.sum")
        + "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n"
        + "github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
    )


def write_feature(orders: Subject, version: str) -> None:
    """Somebody wrote a feature and gave it a route, where the template's routes are."""
    router = next(name for name in RENAMED if orders.path(name).exists())
    orders.edit(router, '/api"\n', '/api"\n\t"example.com/orders/internal/billing"\n')
    route = '\trouter.GET("/v1/total", func(c *gin.Context) { c.JSON(http.StatusOK, billing.Total(1, 2)) })\n'
    orders.edit(router, "\treturn router, nil", f"{route}\treturn router, nil")
    orders.edit("internal/app/imports_test.go", "package app", "package app // mine")
    path = '  /v1/total:\n    get:\n      responses:\n        "200":\n          description: The total.\n'
    orders.edit("api/openapi.yaml", "paths:\n", f"paths:\n{path}")


def use_windows(orders: Subject, version: str) -> None:
    """Somebody's checkout has CRLF in the work tree and LF in git."""
    for name in git(orders.folder, "ls-files").splitlines():
        if not name.startswith("tasks/") and name != "inv":
            path = orders.path(name)
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def still_windows(orders: Subject, report: Report) -> None:
    """Every line of a changed file ends as it did, and git sees the template's lines."""
    content = orders.path("docker-compose.yml").read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert "\r" not in git(orders.folder, "show", ":docker-compose.yml")


def delete_and_rename(orders: Subject, version: str) -> None:
    """Somebody dropped files of the template and gave others another name."""
    orders.path(".editorconfig").unlink()
    orders.path("internal/order/fuzz_test.go").unlink()
    orders.path("internal/platform/log/log.go").rename(orders.path("internal/platform/log/logger.go"))
    orders.path("docker-compose.yml").rename(orders.path("compose.yaml"))


def stayed_so(orders: Subject, report: Report) -> None:
    """What was deleted is gone and named, and changes came to where the file is now."""
    gone = (".editorconfig", "internal/order/fuzz_test.go", "internal/platform/log/log.go", "docker-compose.yml")
    assert [name for name in gone if orders.path(name).exists()] == []
    assert ".editorconfig" in report.kept
    assert "stop_grace_period: 30s" in orders.text("compose.yaml")


def without_sqlite(orders: Subject, report: Report) -> None:
    """Nothing of the former answer is left: neither a file nor a module."""
    assert sorted(orders.folder.rglob("*sqlite*")) == []
    assert "sqlite" not in orders.text("go.mod")


STAGING_END = "# --- This service's own variables: add yours below, and describe each in .env.example ---\n"
CASES = {
    "untouched": Case(untouched=True),
    "handler edited": Case(
        edited("internal/order/handler.go", "package order\n", "package order\n\n// Ours.\n"),
        check=holds("internal/order/handler.go", "// Ours."),
    ),
    "route and feature folder": Case(write_feature, own=FEATURE, check=holds(RENAMED[1], "billing.Total(1, 2)")),
    "own dependency": Case(add_dependency, check=holds("go.mod", "github.com/google/uuid v1.6.0", "goccy/go-yaml")),
    "Dockerfile edited elsewhere": Case(
        edited("Dockerfile", "# Certificates", "# Ours.\n# Certificates"),
        check=holds("Dockerfile", "# Ours.", "EXPOSE 8080\n"),
    ),
    "Dockerfile edited in the same line": Case(
        edited("Dockerfile", "EXPOSE 8080/tcp", "EXPOSE 8443"), conflicts=lambda version: {"Dockerfile"}
    ),
    "environment edited at its end": Case(
        edited(".env.staging", STAGING_END, f"{STAGING_END}\nTRUSTED_PROXIES=10.0.0.0/8\n"),
        check=holds(".env.staging", "TRUSTED_PROXIES=10.0.0.0/8\n", "LOG_LEVEL=info"),
    ),
    "environment edited in its middle": Case(
        edited(".env.staging", "APP_ENV=staging\n", "APP_ENV=staging\n\nDRAIN_LEAD=3s\n"),
        check=holds(".env.staging", "DRAIN_LEAD=3s\n", "LOG_LEVEL=info"),
    ),
    "environment edited beside a line of the template": Case(
        lambda orders, version: orders.write(
            ".env.staging", orders.text(".env.staging").replace("\nLOG_LEVEL=", "\nDRAIN_LEAD=3s\nLOG_LEVEL=")
        ),
        conflicts=lambda version: {".env.staging"} if version == "v1.0.0" else set(),
        check=holds(".env.staging", "DRAIN_LEAD=3s\n", "LOG_LEVEL=info"),
    ),
    "secrets beside it": Case(own=SECRETS),
    "files deleted and renamed": Case(delete_and_rename, check=stayed_so),
    "line ends of Windows": Case(use_windows, check=still_windows),
    "an answer switched, with own code": Case(
        own=FEATURE,
        answers={"database": "sqlite"},
        switched={"database": "none"},
        check=without_sqlite,
    ),
}


def prepared(garage: Garage, version: str, case: Case) -> Subject:
    """A service in whose hands people did what the case says."""
    orders = garage.service(version, **case.answers)
    case.change(orders, version)
    for name, text in case.own.items():
        orders.write(name, text)
    orders.commit()
    return orders


def agree(orders: Subject, report: Report, conflicts: set[str]) -> None:
    """The exit code, the report, git and the files say the same about conflicts; without any, it builds."""
    assert set(report.conflicts) == conflicts
    assert orders.unmerged() == sorted(conflicts)
    assert orders.with_markers() == sorted(conflicts)
    assert report.code == (7 if conflicts else 0), report.error
    assert (report.build, report.test) == (("skipped", "skipped") if conflicts else ("passed", "passed"))


@pytest.mark.parametrize("version", some_of(EARLIER, ENDS))
@pytest.mark.parametrize("name", CASES)
def test_an_update(garage: Garage, name: str, version: str) -> None:
    case = CASES[name]
    orders = prepared(garage, version, case)

    report = orders.update(**case.switched)

    agree(orders, report, case.conflicts(version))
    assert {path: orders.text(path) for path in case.own} == case.own
    case.check(orders, report)
    if case.untouched:
        fresh, now = garage.fresh(NEWEST), orders.everything()
        assert {path for path in fresh | now if fresh.get(path) != now.get(path)} == {"internal/order/order.go"}


@pytest.mark.parametrize("version", some_of(EARLIER, ENDS))
def test_a_second_update_has_nothing_to_do(garage: Garage, version: str) -> None:
    orders = prepared(garage, version, CASES["untouched"])
    orders.update()
    orders.commit()
    before = orders.everything()

    report = orders.update()

    assert (report.outcome, report.code) == ("unchanged", 0)
    assert orders.everything() == before


@pytest.mark.parametrize("again", [False, True], ids=["put back", "run again"])
@pytest.mark.parametrize("version", some_of(EARLIER, ENDS))
def test_an_update_that_is_killed(garage: Garage, monkeypatch: pytest.MonkeyPatch, version: str, again: bool) -> None:
    orders = prepared(garage, version, CASES["secrets beside it"])
    before = orders.state()
    with monkeypatch.context() as patched:
        patched.setattr(Index, "stage", stop)
        with pytest.raises(SystemExit):
            orders.update()
    assert orders.state() != before

    if again:
        agree(orders, orders.update(), set())
    else:
        orders.updater().abort()
        assert orders.state() == before


@pytest.mark.parametrize("version", some_of(EARLIER, ENDS))
def test_an_update_that_is_killed_while_it_builds_is_done_again(
    garage: Garage, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    orders = prepared(garage, version, CASES["untouched"])
    with monkeypatch.context() as patched:
        patched.setattr(Updater, "_prove", stop)
        with pytest.raises(SystemExit):
            orders.update()

    agree(orders, orders.update(), set())


def stop(*_: object) -> None:
    """What a kill does to a program."""
    raise SystemExit("killed")
