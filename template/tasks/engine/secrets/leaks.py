"""Secrets that git has: in files that are tracked now, and in its past."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..config.findings import Finding
from ..config.schema import Schema
from ..core.redaction import ANYWHERE
from ..core.runner import Runner

KNOWN = {
    "a private key": r"-----BEGIN ([A-Z]+ )*PRIVATE KEY-----",
    "an identity of age": r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    "a key of AWS": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(ghp|gho|ghu|ghs|ghr|github_pat)_[0-9A-Za-z_]{36,}",
    "a token of GitLab": r"\bglpat-[0-9A-Za-z_-]{20,}",
    "a token of Slack": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a key of Stripe": r"\b[sr]k_live_[0-9A-Za-z]{20,}",
}
"""Kinds of secrets that can be told by how they look, as those who hand them out document it."""
NOT_LOOKED_AT = re.compile(r"(^|/)(testdata/|tasks/|go\.sum$)|_test\.go$|\.age$")
"""Files whose keys belong to tests, are the template's, or are encrypted."""
FOUND = re.compile(r"^(?P<file>[^\0\n]+)\0(?P<line>[0-9]+)[\0:](?P<text>.*)$", re.MULTILINE)
"""A line that `git grep --null` has found: what stands behind its number depends on git's release."""
PLAIN = re.compile(r"(.*/)?\.env\.(?P<env>[a-z0-9-]+)")


@dataclass(frozen=True)
class Search:
    """What is looked for: kinds, values that are known to be secret, and sensitive variables of these environments."""

    schema: Schema
    values: Collection[str]
    environments: Collection[str]

    def named(self, text: str) -> str:
        """What a line gives away, in words; empty where it gives away nothing."""
        for what, pattern in KNOWN.items():
            if re.search(pattern, text):
                return f"looks like {what}"
        if any(value in text for value in self.values if len(value) >= ANYWHERE):
            return "has a value that is a secret of an environment"
        return ""

    def variable(self, file: str, text: str) -> str:
        """The sensitive variable that a line of an environment's file sets; empty where it sets none."""
        match, name = PLAIN.fullmatch(file), text.partition("=")[0].strip()
        if not match or match["env"] not in self.environments or not text.partition("=")[2].strip():
            return ""
        known = self.schema.variables.get(name)
        return name if known and known.sensitive else ""


def in_files(runner: Runner, search: Search) -> list[Finding]:
    """What files that are tracked give away, line by line."""
    findings = []
    for file, number, text in _tracked_lines(runner, search.values):
        if not NOT_LOOKED_AT.search(file) and (what := search.named(text)):
            findings.append(Finding(file, number, "", f"{what}, and git has it; move it out of here, and change it"))
    return findings


def in_history(runner: Runner, search: Search) -> list[Finding]:
    """What git's past gives away, once for each file and reason, with the commit in which it came."""
    found: dict[tuple[str, str, str], str] = {}
    for commit, file, text in _added_lines(runner):
        if NOT_LOOKED_AT.search(file):
            continue
        name = search.variable(file, text)
        what = "was a secret in a tracked file" if name else search.named(text)
        if what:
            found[file, name, what] = commit
    message = "{what}, in commit {commit}: whoever has the repository has it; give it another value"
    return [
        Finding(file, 0, name, message.format(what=what, commit=commit)) for (file, name, what), commit in found.items()
    ]


def _tracked_lines(runner: Runner, values: Collection[str]) -> Iterator[tuple[str, int, str]]:
    """Lines of tracked files that may give something away, as git finds them: what its expressions lack is left out."""
    kinds = "|".join(f"({pattern})" for pattern in KNOWN.values()).replace(r"\b", "")
    searches = [(["--extended-regexp", "-e", kinds], ""), (["--fixed-strings", "-f", "-"], _lines_of(values))]
    for options, feed in searches:
        if "-e" in options or feed:
            words = ["git", "grep", "-I", "--line-number", "--null", "--no-color", *options]
            for match in FOUND.finditer(runner.read(words, feed=feed).stdout):
                yield match["file"], int(match["line"]), match["text"]


def _lines_of(values: Collection[str]) -> str:
    lines = {line for value in values for line in value.splitlines() if len(line) >= ANYWHERE}
    return "".join(f"{line}\n" for line in sorted(lines))


def _added_lines(runner: Runner) -> Iterator[tuple[str, str, str]]:
    """All lines that were ever added, newest first, each with its commit and file."""
    words = ["git", "log", "--all", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--format=commit %h"]
    commit = file = ""
    for line in runner.read(words).stdout.splitlines():
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif line.startswith("+++ b/"):
            file = line.removeprefix("+++ b/")
        elif line.startswith("+") and not line.startswith("+++"):
            yield commit, file, line[1:]
