"""An update as a page of short steps: look, render, merge aside, apply, raise the modules, build and test.

Nothing of the service changes before all is merged and what it takes to put it back is on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..config.dotenv import read_env_file
from ..core.console import Console
from ..core.errors import UsageFault, nearest
from ..core.runner import Runner
from .guard import guarded
from .look import look, require_commit, require_unchanged
from .merge import File, Merged, make_bench
from .modules import raise_modules, raised, rename_module, requirements, unite_sums
from .origin import ANSWERS, EDITED, Answers, Template, clone_template, read_answers
from .ownership import read_ownership
from .prove import Prover
from .record import Checkout
from .report import CONFLICTS_CODE, UPDATED, Report
from .repository import is_text, read_text, shown, to_bytes
from .sides import MODULES, Versions
from .versions import changes_between, lower

UNREADABLE = "its name is not UTF-8: it was left alone"


@dataclass(frozen=True)
class Wanted:
    """What the user asked for: a version (empty: the newest), answers to change, a branch to make first."""

    version: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    branch: str = ""


@dataclass(frozen=True)
class Rendered:
    """The folders of the versions that the template makes, as `Versions` has them."""

    former: Path
    unasked: Path
    kept: Path
    newer: Path


@dataclass
class Updater:
    """Updates the service that the runner's root holds."""

    service: str
    environments: Iterable[str]
    runner: Runner
    console: Console

    def __post_init__(self) -> None:
        self.root = self.runner.root
        self.checkout = Checkout(self.root)
        self.head = ""

    def update(self, wanted: Wanted) -> Report:
        """Bring the service to a version and to answers; the report's code is the exit code.

        Raises UsageFault or MissingFault where nothing could be done, with nothing changed.
        """
        require_commit(self.checkout)
        with guarded(self.checkout, self.console):
            look(self.checkout, self.console, wanted.branch, self.runner.dry)
            return self._update(wanted)

    def abort(self) -> list[str]:
        """Put back all that the last update changed; gives the paths. UsageFault where there is none."""
        require_commit(self.checkout)
        with guarded(self.checkout, self.console):
            return self.checkout.put_back()

    def _update(self, wanted: Wanted) -> Report:
        report = Report(self.service)
        self.head = self.checkout.head()
        with TemporaryDirectory(prefix="template-") as scratch:
            answers = read_answers(self.root)
            with self.console.step("fetch") as step:
                template = clone_template(self.root, answers.source, Path(scratch))
                report.former, report.newer = answers.version, self._choose(template, answers, wanted)
                step.detail = f"{report.former} -> {report.newer}"
            self._tell_edited(report, answers)
            if not self._anything_to_do(template, answers, wanted, report):
                return report
            with self.console.step("render"):
                rendered = self._render(template, answers, wanted, report.newer)
            with self.console.step("merge"):
                merged = self._merge(rendered, Path(scratch), report.newer)
            self._describe(report, template, rendered, merged)
            if self.runner.dry:
                return report
            require_unchanged(self.checkout, self.head, merged)
            self._apply(report, merged, wanted)
            self._prove(report, rendered, merged)
            self.checkout.finish(path for path in MODULES if path in merged.files)
        return report

    # --- Choose -----------------------------------------------------------------------------------------------------

    def _choose(self, template: Template, answers: Answers, wanted: Wanted) -> str:
        template.commit(answers.version, "the template must keep its tags: restore it there")
        if not wanted.version:
            newest = template.newest()
            return newest if template.is_newer(answers.version, newest) else answers.version
        version = template.name(wanted.version)
        if template.is_newer(version, answers.version):
            raise UsageFault(
                f"the service is at {answers.version} of the template, which is newer than {version}",
                remedy="an update goes forward; to go back, revert the commit of the former update",
            )
        return version

    def _anything_to_do(self, template: Template, answers: Answers, wanted: Wanted, report: Report) -> bool:
        questions = template.questions(report.newer)
        for name in wanted.answers:
            if name not in questions:
                raise UsageFault(f'the template has no question "{name}"', remedy=nearest(name, questions))
        same = all(str(answers.given.get(name)) == value for name, value in wanted.answers.items())
        return not same or template.commit(report.newer, "") != template.commit(report.former, "")

    def _tell_edited(self, report: Report, answers: Answers) -> None:
        if answers.edited:
            report.kept[ANSWERS] = EDITED
            self.console.note(f"{ANSWERS}: {EDITED}")

    # --- Merge ----------------------------------------------------------------------------------------------------

    def _render(self, template: Template, answers: Answers, wanted: Wanted, newer: str) -> Rendered:
        known = template.questions(newer)
        given = {name: value for name, value in answers.given.items() if name in known}
        given |= raised_go(given, known)
        first = _first_answers(given, wanted.answers)
        try:
            kept = template.render(newer, given | first)
        except UsageFault:  # They go with another answer that is changed, or are refused below, too.
            first, kept = {}, template.render(newer, given)
        needed = {name: value for name, value in first.items() if "default" not in known[name]}
        return Rendered(
            former=template.render(answers.version, answers.given),
            unasked=template.render(newer, given | needed) if first else kept,
            kept=kept,
            newer=template.render(newer, {**given, **wanted.answers}),
        )

    def _merge(self, rendered: Rendered, scratch: Path, label: str) -> Merged:
        objects = self.checkout.repository.text("rev-parse", "--git-path", "objects")
        bench = make_bench(scratch / "merge", (self.root / objects).resolve())
        tree = self.checkout.tree()
        service = {path: entry for path, entry in tree.items() if is_text(path)}
        versions = Versions(
            former=bench.tree(rendered.former),
            unasked=bench.tree(rendered.unasked),
            kept=bench.tree(rendered.kept),
            newer=bench.tree(rendered.newer),
            service=service,
        )
        merged = bench.merge(versions, read_ownership(rendered.newer), self.root, f"template-{label}")
        merged.files |= self._modules(rendered)
        merged.kept |= {shown(path): UNREADABLE for path in tree if path not in service}
        return merged

    def _modules(self, rendered: Rendered) -> dict[str, File | None]:
        mine = self.root / "go.mod"
        if not mine.exists():
            return {}
        text = rename_module(read_text(mine), read_text(rendered.kept / "go.mod"), read_text(rendered.newer / "go.mod"))
        sums = unite_sums(read_text(self.root / "go.sum"), read_text(rendered.newer / "go.sum"))
        wanted = {"go.mod": raise_modules(text, read_text(rendered.newer / "go.mod")), "go.sum": sums}
        return {name: File(to_bytes(content), False) for name, content in wanted.items()}

    def _describe(self, report: Report, template: Template, rendered: Rendered, merged: Merged) -> None:
        report.outcome = UPDATED
        report.conflicts, report.kept = dict(merged.conflicts), {**report.kept, **merged.kept, **merged.carried}
        report.changelog = changes_between(template.file(report.newer, "CHANGELOG.md"), report.former, report.newer)
        former, newer = (
            [entry.name for entry in read_env_file(folder / ".env.example").entries]
            for folder in (rendered.former, rendered.newer)
        )
        names = {"added": _without(newer, former), "dropped": _without(former, newer)}
        report.variables = {environment: dict(names) for environment in self.environments}
        self._list(report, merged)

    def _list(self, report: Report, merged: Merged) -> None:
        """Sort the files into added, changed and removed; go.mod and go.sum where they really change."""
        for path, file in merged.files.items():
            there = (self.root / path).is_file()
            if path in merged.conflicts or (file and there and self.checkout.holds(path, file)):
                continue
            (report.removed if not file else report.changed if there else report.added).append(path)

    # --- Apply ----------------------------------------------------------------------------------------------------

    def _apply(self, report: Report, merged: Merged, wanted: Wanted) -> None:
        with self.console.step("apply") as step:
            self.checkout.begin(merged, wanted.branch, {"from": report.former, "to": report.newer})
            self.checkout.apply(merged, wanted.branch)
            report.branch = wanted.branch
            step.detail = f"{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed"
        if report.conflicts:
            count = len(report.conflicts)
            report.fail(CONFLICTS_CODE, f"{count} file{'s' if count > 1 else ''} could not be merged")

    def _prove(self, report: Report, rendered: Rendered, merged: Merged) -> None:
        modules = [path for path in MODULES if path in merged.files]
        before = self.checkout.former("go.mod")
        if not report.conflicts:
            Prover(self.runner, self.console).prove(report)
            self.checkout.index.stage(modules)
        if modules:
            wanted = requirements(read_text(rendered.newer / "go.mod"))
            report.modules = raised(before, read_text(self.root / "go.mod"), wanted)
            self._list_modules(report, modules)

    def _list_modules(self, report: Report, modules: list[str]) -> None:
        """`go mod tidy` may have taken back what was raised, or changed what was not."""
        differing = [path for path in modules if self.checkout.former(path) != read_text(self.root / path)]
        others = [path for path in report.changed if path not in modules]
        report.changed = sorted({*others, *differing} - set(report.added))


def parse_answers(assignments: Iterable[str]) -> dict[str, str]:
    """The answers of `--set ANSWER=VALUE`; UsageFault where one is no assignment."""
    pairs = [text.partition("=") for text in assignments]
    if wrong := next((name for name, sign, _ in pairs if not sign or not name.isidentifier()), None):
        raise UsageFault(f'--set: "{wrong}" is not ANSWER=VALUE', remedy="give it as in --set database=sqlite")
    return {name: value for name, _, value in pairs}


def raised_go(given: Mapping[str, Any], questions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The template's Go release in place of the stored one where that is lower: the new code may need it."""
    default = str(questions.get("go_version", {}).get("default", ""))
    return {"go_version": default} if lower(str(given.get("go_version", "")), default) else {}


def _first_answers(given: Mapping[str, Any], answers: Mapping[str, str]) -> dict[str, str]:
    """Answers to questions that are new: they replace no former answer, so what is there does not change for them."""
    return {name: value for name, value in answers.items() if name not in given}


def _without(names: list[str], others: list[str]) -> list[str]:
    return [name for name in names if name not in others]
