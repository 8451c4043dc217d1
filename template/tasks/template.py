"""Tasks on the template that this service was made from."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from .cli import JSON, basics, leave, service_task
from .engine.core.console import print_json, table
from .engine.core.errors import Fault, MissingFault
from .engine.core.paths import ROOT
from .engine.template.origin import ANSWERS, EDITED
from .engine.template.report import FAILED, UNCHANGED, Report
from .engine.template.repository import forget_surroundings
from .engine.template.status import Status, read_template_status
from .engine.template.update import Updater, Wanted, parse_answers


@service_task(
    iterable=["set_"],
    help={
        **JSON,
        "to": "the template's version to go to (default: the newest)",
        "set": "ANSWER=VALUE, changes an answer to one of the template's questions; may be given more than once",
        "branch": "make this branch first and update there",
        "abort": "put everything back as it was before the last update, which was not committed yet",
    },
)
def update(
    c: Context,
    to: str = "",
    set_: Sequence[str] | None = None,
    branch: str = "",
    abort: bool = False,
    json: bool = False,
) -> None:
    """Merge a newer version of the template, raise the modules, build and test; nothing is committed."""
    forget_surroundings()
    settings, runner, console = basics(c, json)
    report = Report(settings.service)
    try:
        updater = Updater(settings.service, list(settings.environments), runner, console)
        if abort:
            paths = updater.abort()
            console.note(f"put back {len(paths)} files: everything is as it was before the update")
        else:
            report = updater.update(Wanted(to, parse_answers(set_ or ()), branch))
    except Fault as fault:
        if json:
            print_json({**report.document(), "outcome": FAILED, "error": str(fault)})
            leave(fault.code)
        raise
    if json:
        print_json(report.document())
    elif not abort:
        _tell(report)
    if report.code:
        leave(report.code, "" if json else f"error: {report.error}")


@service_task(help=JSON)
def status(c: Context, json: bool = False) -> None:
    """Compare this service with its template: versions, files that differ, questions; exit code 3 if unreachable."""
    forget_surroundings()
    settings = basics(c, json)[0]
    found = read_template_status(ROOT, settings.service)
    if json:
        print_json(found.document())
    else:
        _tell_status(found)
    if not found.reachable:
        leave(MissingFault.code, "" if json else found.error)


def _tell_status(found: Status) -> None:
    newest = found.newest + (" (newer)" if found.behind else "") if found.reachable else "cannot be told"
    rows = [("template", found.source), ("version here", found.version), ("newest version", newest)]
    rows.append(("work tree", "clean" if found.clean else "has changes that are not committed"))
    rows += [("answers", f"{ANSWERS}: {EDITED}")] if found.answers_edited else []
    rows += [("left half done", name) for name in found.unfinished]
    rows += [(f"differs ({kind})", name) for kind, names in found.differs.items() for name in names]
    rows += [(f"question ({how})", name) for how, names in found.questions.items() for name in names]
    table(("what", "found"), rows)


def _tell(report: Report) -> None:
    if report.outcome == UNCHANGED:
        print(f"{report.service} is at {report.former} of its template: there is nothing newer.")
        return
    print()
    for line in report.lines():
        print(line)
    moved = (
        f"went from {report.former} to {report.newer}"
        if report.newer != report.former
        else f"has other answers at {report.newer}"
    )
    print(f"\n{report.service} {moved} of its template. Next steps:")
    for step in _next_steps(report):
        print(f"  {step}")


def _next_steps(report: Report) -> list[str]:
    steps = []
    if report.conflicts:
        steps += ["git status                          mend what it lists as unmerged, then git add each"]
        steps += ["go mod tidy && ./inv test           prove that the service still holds"]
    if any(names["added"] or names["dropped"] for names in report.variables.values()):
        steps.append("./inv env.check                     the schema has changed")
    steps.append("git diff --cached                   look at what came")
    steps.append("git commit                          keep it")
    return [*steps, "./inv template.update --abort       put everything back, as long as it is not committed"]
