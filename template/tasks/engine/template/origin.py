"""Where a service came from: the answers that it was made with, and a clone of the template to render from."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Fault, MissingFault, UsageFault, nearest
from .addresses import clone_address, masked
from .repository import Repository
from .versions import lower, newest_release

ANSWERS = ".copier-answers.yml"
SIGNED = re.compile(r"^# Checksum of the version and the answers: ([0-9a-f]{64})$", re.MULTILINE)
PLAIN = (str, int, float, type(None))
EDITED = "it was edited by hand, which changes no other file: put it back, and give answers with --set"


@dataclass(frozen=True)
class Answers:
    """`.copier-answers.yml`: the template's address and version, and the answers to its questions.

    `edited` says that somebody has changed version or answers since Copier wrote them.
    """

    source: str
    version: str
    given: Mapping[str, Any]
    edited: bool


def read_answers(root: Path) -> Answers:
    """The record of a service; UsageFault where there is none, or where the template's address is relative."""
    import yaml

    try:
        text = (root / ANSWERS).read_text(encoding="utf-8")
        record = {str(name): value for name, value in dict(yaml.safe_load(text)).items()}
        source, version = str(record["_src_path"]), str(record["_commit"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UsageFault(
            f"{ANSWERS} does not say which version of which template this service was made from",
            where=str(root),
            details=[f"{type(error).__name__}: {error}".splitlines()[0]],
            remedy=f"restore {ANSWERS} from git: the template needs to be in git, with its version as _commit",
        ) from error
    given = {name: value for name, value in record.items() if not name.startswith("_")}
    if wrong := next((name for name, value in given.items() if not isinstance(value, PLAIN)), None):
        raise UsageFault(
            f"the answer to {wrong} is neither text nor a number", where=ANSWERS, remedy="restore the file from git"
        )
    signed = SIGNED.search(text)
    return Answers(source, version, given, signed is not None and signed[1] != _checksum(record))


def _checksum(record: Mapping[str, Any]) -> str:
    """What the template's own file of answers computes, too; the address may be changed by hand."""
    told = [[name, record[name]] for name in sorted(record) if name != "_src_path"]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


@dataclass
class Template:
    """A clone of the template; `scratch` is a folder for what is rendered from it."""

    source: str
    clone: Repository
    scratch: Path
    rendered: dict[tuple[str, str], Path] = field(default_factory=dict)

    def newest(self) -> str:
        """The newest release, or the commit that the clone stands at where there is none."""
        return newest_release(self.clone.text("tag").split()) or self.clone.text("describe", "--tags", "--always")

    def commit(self, version: str, remedy: str) -> str:
        """The commit of a version; UsageFault where the template does not have it."""
        names = (version, f"v{version}")
        for name in names if not version.startswith("-") else ():
            if commit := self.clone.text("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"):
                return commit
        what = f"the template has no version {version}"
        raise UsageFault(
            what, where=masked(self.source), remedy=f"{remedy}; {nearest(version, self.clone.text('tag').split())}"
        )

    def name(self, version: str) -> str:
        """How the template calls a version: its tag where it has one."""
        return self.clone.text("describe", "--tags", "--always", self.commit(version, "choose another"))

    def is_newer(self, here: str, there: str) -> bool:
        """Whether version `there` comes after `here`, by number, or by history where one is no release."""
        if lower(here, there) or lower(there, here):
            return lower(here, there)
        one, two = self.commit(here, "restore the tag"), self.commit(there, "choose another")
        return one != two and self.clone.call("merge-base", "--is-ancestor", two, one).returncode != 0

    def file(self, version: str, name: str) -> str:
        """A file of the template's repository at a version; empty where it has none."""
        return self.clone.text("show", f"{self.commit(version, 'choose another')}:{name}")

    def questions(self, version: str) -> dict[str, dict[str, Any]]:
        """The questions of a version by name, without values that are computed."""
        import yaml

        document = yaml.safe_load(self.file(version, "copier.yml") or self.file(version, "copier.yaml") or "{}")
        found = {name: question for name, question in document.items() if not name.startswith("_")}
        asked = {name: one if isinstance(one, dict) else {"default": one} for name, one in found.items()}
        return {name: question for name, question in asked.items() if question.get("when") is not False}

    def render(self, version: str, answers: Mapping[str, Any]) -> Path:
        """The folder of a service rendered at a version; a second call with the same gives the same folder.

        Raises UsageFault where an answer is missing or not valid, Fault where the template cannot be rendered.
        """
        commit = self.commit(version, "the template must keep its tags: restore it there")
        key = commit, repr(sorted(answers.items()))
        if key not in self.rendered:
            folder = self.scratch / f"render-{len(self.rendered)}"
            self._copy(commit, answers, folder)
            self.rendered[key] = folder
        return self.rendered[key]

    def _copy(self, commit: str, answers: Mapping[str, Any], folder: Path) -> None:
        from copier import run_copy
        from copier.errors import CopierError
        from jinja2 import TemplateError

        # What a service that exists was never asked may have another default than in a new one: by this file copier.yml
        # tells the two apart.
        folder.mkdir(exist_ok=True)
        (folder / ANSWERS).write_text("{}\n", encoding="utf-8")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run_copy(
                    str(self.clone.folder),
                    folder,
                    dict(answers),
                    vcs_ref=commit,
                    defaults=True,
                    quiet=True,
                    overwrite=True,
                )
        except ValueError as error:
            raise _answer_fault(self.name(commit), str(error)) from error
        except (CopierError, TemplateError, OSError) as error:
            what = f"version {self.name(commit)} of the template cannot be rendered"
            raise Fault(
                what, details=str(error).splitlines()[:8], remedy="mend the template, or take another"
            ) from error
        _restore_source(folder / ANSWERS, self.source)


def clone_template(root: Path, source: str, scratch: Path) -> Template:
    """Clone the template; MissingFault where it cannot be reached, UsageFault where its address is relative."""
    address = clone_address(root, source)
    folder = scratch / "template"
    done = Repository(scratch).call("clone", "--quiet", "--", address, str(folder))
    if done.returncode != 0:
        raise MissingFault(
            "the template cannot be reached",
            where=masked(source),
            details=masked(done.stderr.decode(errors="replace")).strip().splitlines()[-4:],
            remedy="see that the address is right, that it is a git repository, and that you may read it",
        )
    return Template(source, Repository(folder), scratch)


def _answer_fault(version: str, message: str) -> UsageFault:
    if missing := re.fullmatch(r'Question "(\w+)" is required', message):
        what = f"version {version} of the template asks for {missing[1]}, which has no default"
        return UsageFault(what, remedy=f"give it: --set {missing[1]}=VALUE")
    what = f"version {version} of the template refuses an answer"
    return UsageFault(what, details=message.splitlines()[:8], remedy="give another: --set ANSWER=VALUE")


def _restore_source(path: Path, source: str) -> None:
    """Copier rendered from the clone; what the service has to keep is where the clone came from."""
    import yaml

    line = yaml.safe_dump({"_src_path": source}, width=4096)
    text = re.sub(r"^_src_path: .*\n(?: .*\n)*", lambda _: line, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
