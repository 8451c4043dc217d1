"""What copier.yml says of the files of options, and templates in which a question never had another answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, UndefinedError, meta
from jinja2.sandbox import SandboxedEnvironment

JINJA = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
TAG = re.compile(r"[ \t]*\{% (if|elif|else|endif)(?: ([^%]+))? %\}\n")
"""A tag of a condition, which has a line of its own."""

SUBSTITUTED = ("/cmd/{{ project_name }}", "/{{_copier_conf.answers_file}}")
"""The names in `template/` that are not those in a service."""

ALWAYS_ASKED = {"license", "database", "ci"}
"""The questions with files that the first release asked already."""


@dataclass(frozen=True)
class Block:
    """An entry of `_exclude` about a question: under its answers, the paths that a service does without."""

    text: str

    @property
    def questions(self) -> set[str]:
        """The questions that its conditions ask about."""
        return meta.find_undeclared_variables(JINJA.parse(self.text))

    def paths(self, answers: Mapping[str, Any]) -> list[str]:
        """The paths as they are written, for these answers; UndefinedError where one that is needed is missing."""
        return JINJA.from_string(self.text).render(answers).split()

    def conditions(self) -> Iterator[tuple[str, str]]:
        """Every path with the condition under which a service does without it."""
        condition = ""
        for line in self.text.splitlines(keepends=True):
            tag = TAG.fullmatch(line)
            if not tag:
                yield condition, line.strip()
            elif tag[1] != "endif":
                assert tag[1] != "elif", "a block says each condition by itself"
                condition = tag[2] or f"not ({condition})"


def read_settings(template: Path) -> dict[str, Any]:
    """What `copier.yml` says."""
    settings: dict[str, Any] = yaml.safe_load((template / "copier.yml").read_text(encoding="utf-8"))
    return settings


def write_settings(template: Path, settings: Mapping[str, Any]) -> None:
    """Have `copier.yml` say this, without its comments."""
    (template / "copier.yml").write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")


def read_blocks(template: Path) -> list[Block]:
    """The entries of `_exclude` that are about answers; the others say what is seeded."""
    blocks = map(Block, read_settings(template)["_exclude"])
    return [block for block in blocks if "_copier_operation" not in block.questions]


def read_choices(template: Path) -> dict[str, list[Any]]:
    """The answers to each question that is answered from a list, or with yes or no."""
    found = {}
    for name, question in read_settings(template).items():
        if not name.startswith("_") and ("choices" in question or question["type"] == "bool"):
            found[name] = list(question["choices"].values()) if "choices" in question else [True, False]
    return found


def as_written(path: Path, root: Path) -> str:
    """How blocks write a path in the folder `root`: the service's, and from its top."""
    return f"/{path.relative_to(root).as_posix().removesuffix('.jinja')}"


def within(path: str, names: list[str]) -> bool:
    """Whether a path is among the names, or in a folder that is."""
    return any(path == name or path.startswith(f"{name}/") for name in names)


# --- What can be wrong ----------------------------------------------------------------------------


def faults(template: Path) -> list[str]:
    """What is wrong with the names in `template/` and the blocks in `copier.yml`, a sentence each."""
    root = template / "template"
    paths = {as_written(path, root) for path in root.rglob("*")}
    plain = {path for path in paths if not within(path, list(SUBSTITUTED))}
    blocks = read_blocks(template)
    found = [f"{path} is not a path in a service" for path in sorted(plain) if "{" in path]
    for block in blocks:
        found += [f"{path} is in a block and not in template/" for _, path in block.conditions() if path not in paths]
        found += _unanswered(block)
    questions = [" and ".join(sorted(block.questions)) for block in blocks]
    if questions != [name for name in read_settings(template) if name in questions]:
        found.append(f"the blocks are about {', '.join(questions)}: not one for a question, or not in their order")
    return found


def _unanswered(block: Block) -> Iterator[str]:
    """Updates render an earlier release with the newest list, and without the answers that it did not ask for."""
    if block.questions <= ALWAYS_ASKED:
        return
    names = " and ".join(sorted(block.questions))
    if " defined" in block.text:
        yield f"the block of {names} asks whether it is defined, and does not say what was before"
    try:
        block.paths({})
    except UndefinedError:
        yield f"the block of {names} has no default for releases that did not ask it"


# --- A template with one answer -------------------------------------------------------------------


def answer_for_good(template: Path, question: str, answer: Any) -> None:
    """Have the template in a folder as if a question never had another answer: paths, block and conditions go."""
    settings = read_settings(template)
    for block in read_blocks(template):
        if block.questions == {question}:
            settings["_exclude"].remove(block.text)
            _delete(template / "template", block.paths({question: answer}))
    write_settings(template, settings)
    for folder in ("template", "includes"):
        for path in (template / folder).rglob("*.jinja"):
            text = path.read_text(encoding="utf-8")
            path.write_text("".join(_remaining(text, {question: answer})), encoding="utf-8")


def _delete(root: Path, names: list[str]) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        if within(as_written(path, root), names):
            path.rmdir() if path.is_dir() else path.unlink()


def _remaining(text: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a text without the branches of other answers, and without the tags that are about this one."""
    conditions: list[_Condition] = []
    for line in text.splitlines(keepends=True):
        tag = TAG.fullmatch(line)
        if tag and tag[1] == "if":
            conditions.append(_Condition(_asks(tag[2]) == set(answer)))
        resolved = bool(tag and conditions[-1].resolved)
        if tag and resolved:
            conditions[-1].enter(tag, answer)
        if tag and tag[1] == "endif":
            conditions.pop()
        if not resolved and all(condition.shown for condition in conditions):
            yield line


@dataclass
class _Condition:
    """One that a line stands in; of one that is `resolved`, the first branch that holds is shown."""

    resolved: bool
    shown: bool = True
    done: bool = False

    def enter(self, tag: re.Match[str], answer: Mapping[str, Any]) -> None:
        holds = tag[1] == "else"
        if tag[2]:
            assert _asks(tag[2]) == set(answer), f"{tag[0].strip()} goes with a condition on {', '.join(answer)}"
            holds = bool(JINJA.compile_expression(tag[2])(**answer))
        self.shown = holds and not self.done
        self.done = self.done or holds


def _asks(condition: str) -> set[str]:
    return meta.find_undeclared_variables(JINJA.parse(f"{{{{ {condition} }}}}"))
