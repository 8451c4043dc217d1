"""`./inv release X.Y.Z`: a tag, where everything that a release promises holds.

It changes no file: what is tagged is the commit that was reviewed and tested. It never moves or deletes a tag, as the
services that were made from it are updated by replaying it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service_tasks.engine.core.errors import BuildFault, Fault, UsageFault
from service_tasks.engine.template.versions import lower, version_key

from .fleet_report import to_do

BRANCH = "main"
MATRIX = "tests/update/test_update_matrix.py"
SUPPORTED = "maintain/supported.json"
NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)((a|b|rc)(0|[1-9]\d*))?")
"""PEP 440, which is what Copier reads; without what comes before a release it is a semantic version too."""
CHANGES, TO_DO = "Unreleased", "What you must do"


@dataclass(frozen=True)
class Section:
    """What the changelog says of one version: its heading and its text."""

    heading: str
    text: str

    @property
    def dated(self) -> bool:
        """Whether the heading has a date, as in `## [1.2.0] - 2026-11-23`."""
        return re.search(r" - \d{4}-\d{2}-\d{2}$", self.heading) is not None


def release(root: Path, version: str, dry: bool) -> None:
    """Check everything, run the update matrix and tag the commit; with `dry` neither runs nor tags.

    Raises UsageFault with all that is not as it should be, BuildFault where an update does not hold.
    """
    if not NUMBER.fullmatch(version):
        raise UsageFault(f'"{version}" is not a version', remedy="give one as in 1.2.0, or 1.2.0rc1 before a release")
    if faults := [*tag_faults(root, version), *tree_faults(root), *text_faults(root, version)]:
        raise UsageFault(f"{version} cannot be released", details=faults, remedy="mend these, then try again")
    tag, releases = f"v{version}", supported_releases(root)
    print(f"{tag}: the number, the work tree and the changelog are in order")
    if dry:
        print(f"  would: run {MATRIX}")
        print(f"  would: update a service of each supported release: {', '.join(releases) or 'there is none yet'}")
        print(f"  would: tag {_git(root, 'rev-parse', 'HEAD')[:12]}")
        return
    _run_matrix(root)
    _replay(root, tag, releases)
    _git(root, "tag", "--annotate", "--cleanup=whitespace", "--message", message(root, version), tag)
    print(f"Tagged {tag}. It is here alone until you publish it:  git push origin {tag}")


def supported_from(root: Path) -> str:
    """The oldest version from which a service can be updated to this one."""
    return str(json.loads((root / SUPPORTED).read_text(encoding="utf-8"))["supported_from"])


def supported_releases(root: Path) -> list[str]:
    """The tags of the releases, candidates left out, that services may be on; oldest first."""
    oldest = supported_from(root)
    keys = {tag: key for tag in _git(root, "tag", "--list").splitlines() if (key := version_key(tag)) and key[1]}
    return sorted((tag for tag in keys if not lower(tag, oldest)), key=lambda tag: keys[tag])


def tag_faults(root: Path, version: str) -> list[str]:
    """What is wrong with the number: taken, or not newer than the newest tag."""
    tags = [tag for tag in _git(root, "tag", "--list").splitlines() if version_key(tag)]
    if f"v{version}" in tags:
        return [f"the tag v{version} is there already, and tags stay where they are"]
    newer = [tag for tag in tags if lower(version, tag)]
    return [f"{version} does not come after {', '.join(newer)}"] if newer else []


def tree_faults(root: Path) -> list[str]:
    """What is wrong with the checkout: another branch, or changes that no commit holds."""
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    faults = [] if branch == BRANCH else [f"releases are made on {BRANCH}, and {branch} is checked out"]
    if changed := _git(root, "status", "--porcelain").splitlines():
        faults.append(f"there are changes that are not committed: {', '.join(line[3:] for line in changed[:4])}")
    return faults


def text_faults(root: Path, version: str) -> list[str]:
    """What is wrong with what the release says of itself, in CHANGELOG.md and pyproject.toml."""
    known = sections(root)
    faults = []
    section = known.get(version)
    if section is None:
        faults.append(f"CHANGELOG.md has no section for it: rename [{CHANGES}] to [{version}] - YYYY-MM-DD")
    elif not section.dated:
        faults.append(f"CHANGELOG.md: give the section a date, as in ## [{version}] - 2026-11-23")
    if section and not section.text:
        faults.append(f"CHANGELOG.md: the section for {version} says nothing")
    elif section and f"### {TO_DO}" not in section.text:
        faults.append(f'CHANGELOG.md: the section for {version} has no "### {TO_DO}"')
    if section and (rest := known.get(CHANGES)) and rest.text:
        faults.append(f"CHANGELOG.md: [{CHANGES}] is not empty, and all of it would be in this release")
    stated = re.search(r'^version = "(.*)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if not stated or stated[1] != version:
        faults.append(f"pyproject.toml says version {stated[1] if stated else 'nothing'}")
    return faults


def sections(root: Path) -> dict[str, Section]:
    """The sections of CHANGELOG.md by version."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = re.split(r"^(## .*)$", text, flags=re.MULTILINE)[1:]
    found = {}
    for heading, content in zip(parts[::2], parts[1::2], strict=True):
        name = re.match(r"## \[?([^\]\s]+)", heading)
        found[name[1] if name else heading] = Section(heading, content.strip())
    return found


def message(root: Path, version: str) -> str:
    """The tag's message: what the changelog says, so that `git show` and a release page tell it."""
    return f"copier-gin {version}\n\n{sections(root)[version].text}\n"


def _run_matrix(root: Path) -> None:
    print(f"Updating what people have made of services ({MATRIX})", flush=True)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", MATRIX], cwd=root, check=False)
    if done.returncode:
        raise BuildFault("a service cannot be updated to this version", where=MATRIX, remedy="mend what fails above")


def _replay(root: Path, tag: str, releases: Sequence[str]) -> None:
    from .replay import replay

    print(f"Updating a service of each supported release to {tag}", flush=True)
    if failed := [result for result in replay(root, tag, releases) if result.code]:
        raise BuildFault(
            f"services of {', '.join(result.name for result in failed)} cannot be updated to {tag}",
            details=to_do(failed),
            remedy=f"mend the template, or give that release up in {SUPPORTED} and say so in CHANGELOG.md",
        )


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fault(f"git {words[0]} failed", where=str(root), details=done.stderr.splitlines()[-5:])
    return done.stdout.rstrip("\n")
