"""An existing service brought under the template: what it lacks is added, what it has stays, what differs is listed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from service_tasks.engine.core.console import Console
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.core.runner import Runner
from service_tasks.engine.template.guard import guarded
from service_tasks.engine.template.merge import File, Merged, make_bench
from service_tasks.engine.template.modules import GO, MODULE, raise_modules, raised, requirements, unite_sums
from service_tasks.engine.template.origin import ANSWERS, clone_template
from service_tasks.engine.template.ownership import SEEDED, Ownership, read_ownership
from service_tasks.engine.template.prove import Prover
from service_tasks.engine.template.record import Checkout
from service_tasks.engine.template.report import CONFLICTS_CODE, UPDATED, Report
from service_tasks.engine.template.repository import forget_surroundings
from service_tasks.engine.template.sides import MODULES, Versions

HERE = "it was here before the template, which writes such a file once"
IGNORED = ".gitignore"


@dataclass
class Adopter:
    """Brings the service in `root` under the template at `source`, a URL or an absolute path."""

    root: Path
    source: str
    console: Console

    def adopt(self, answers: Mapping[str, str]) -> Report:
        """Add what the template brings; the report's code is the exit code.

        Raises UsageFault where the folder is no Go module in a clean git repository, or has a template already.
        """
        forget_surroundings()
        checkout = Checkout(self.root)
        given = {**self._answers(checkout), **answers}
        report = Report(given["project_name"], outcome=UPDATED)
        with TemporaryDirectory(prefix="template-") as scratch:
            with self.console.step("render"):
                template = clone_template(self.root, self.source, Path(scratch))
                report.newer = template.newest()
                rendered = template.render(report.newer, given)
            with self.console.step("merge"):
                merged = self._merge(checkout, rendered, Path(scratch))
            self._list(report, checkout, merged)
            wanted = requirements((rendered / "go.mod").read_text(encoding="utf-8"))
        with guarded(checkout, self.console):
            with self.console.step("apply"):
                checkout.begin(merged, "", {"from": "", "to": report.newer})
                checkout.apply(merged, "")
            self._prove(report, checkout, wanted)
        return report

    def _answers(self, checkout: Checkout) -> dict[str, str]:
        """What the service itself answers: its name, its module and its Go release."""
        if not (self.root / "go.mod").exists():
            raise UsageFault("there is no go.mod", where=str(self.root), remedy="give the folder of a Go service")
        if (self.root / ANSWERS).exists():
            raise UsageFault("this service has a template", where=ANSWERS, remedy="./inv template.update renews it")
        if not checkout.head() or checkout.dirty():
            remedy = "commit everything first, so that what comes can be told apart"
            raise UsageFault(
                "the service is not in git, or has uncommitted changes", where=str(self.root), remedy=remedy
            )
        text = (self.root / "go.mod").read_text(encoding="utf-8")
        module, release = MODULE.search(text), GO.search(text)
        name = re.sub(r"[^a-z0-9]+", "-", self.root.name.lower()).strip("-")
        found = {"project_name": name, "module_path": module[1] if module else "", "database": "none"}
        newest = max((1, 26), tuple(map(int, release[1].split(".")[:2])) if release else (0, 0))
        return {**found, "go_version": f"{newest[0]}.{newest[1]}"}

    def _merge(self, checkout: Checkout, rendered: Path, scratch: Path) -> Merged:
        objects = checkout.repository.text("rev-parse", "--git-path", "objects")
        bench = make_bench(scratch / "merge", (self.root / objects).resolve())
        versions = Versions(former={}, unasked={}, kept={}, newer=bench.tree(rendered), service=checkout.tree())
        ownership = read_ownership(rendered)
        merged = bench.merge(versions, ownership, self.root, "template")
        self._leave_seeded(merged, ownership)
        self._ignore(merged, rendered)
        mine, wanted = ((folder / "go.mod").read_text(encoding="utf-8") for folder in (self.root, rendered))
        sums = [path.read_text() if (path := folder / "go.sum").exists() else "" for folder in (self.root, rendered)]
        merged.files["go.mod"] = File(raise_modules(mine, wanted).encode(), False)
        merged.files["go.sum"] = File(unite_sums(sums[0], sums[1]).encode(), False)
        return merged

    def _leave_seeded(self, merged: Merged, ownership: Ownership) -> None:
        for path in [path for path in merged.conflicts if ownership.owner(path) == SEEDED]:
            del merged.conflicts[path], merged.stages[path]
            merged.kept[path] = HERE

    def _ignore(self, merged: Merged, rendered: Path) -> None:
        """Have git ignore what it must never hold: the template's lines below the service's own."""
        path = self.root / IGNORED
        if merged.conflicts.pop(IGNORED, ""):
            del merged.stages[IGNORED]
            mine = path.read_text(encoding="utf-8").splitlines()
            lines = [line for line in (rendered / IGNORED).read_text(encoding="utf-8").splitlines() if line not in mine]
            merged.files[IGNORED] = File(("\n".join([*mine, *lines]) + "\n").encode(), False)

    def _list(self, report: Report, checkout: Checkout, merged: Merged) -> None:
        report.conflicts, report.kept = dict(merged.conflicts), dict(merged.kept)
        for path, file in merged.files.items():
            if file and not checkout.holds(path, file):
                (report.changed if (self.root / path).is_file() else report.added).append(path)

    def _prove(self, report: Report, checkout: Checkout, wanted: Mapping[str, str]) -> None:
        before = checkout.former("go.mod")
        # Files of the service in place of the template's do not keep it from building: nothing is half merged.
        Prover(Runner(self.root, False, self.console.progress), self.console).prove(report)
        checkout.index.stage(MODULES)
        report.modules = raised(before, (self.root / "go.mod").read_text(encoding="utf-8"), wanted)
        if report.conflicts:
            report.fail(CONFLICTS_CODE, f"{len(report.conflicts)} files of the service are in the template's places")
