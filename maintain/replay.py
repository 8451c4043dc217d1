"""Services made from earlier releases, brought to a new one before it is tagged."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from .fleet import bring
from .fleet_job import Job, Order
from .fleet_result import Result, forget
from .fleet_sources import Source
from .fleet_table import Progress
from .rendering import example_answers, make_repository


def replay(root: Path, tag: str, releases: Sequence[str]) -> list[Result]:
    """Make a service from each of the releases, and update it to what is checked out in `root`, as if that were `tag`.

    It is the update that people run: by the tasks of the earlier release, in a clone, with the build and the tests.
    """
    if not releases:
        return []
    with TemporaryDirectory(prefix="replay-") as scratch:
        template = Path(scratch, "template")
        subprocess.run(["git", "clone", "--quiet", str(root), str(template)], check=True)
        subprocess.run(["git", "tag", "--no-sign", tag], cwd=template, check=True)
        sources = [Source(release, str(_service(template, release, Path(scratch, release)))) for release in releases]
        try:
            progress = Progress(sys.stdout, sources)
            with progress.shown():
                return bring(sources, 1, Order(), progress, Job.update)
        finally:
            for source in sources:
                forget(source)


def _service(template: Path, release: str, folder: Path) -> Path:
    from copier import run_copy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_copy(str(template), folder, data=example_answers(), defaults=True, quiet=True, vcs_ref=release)
    make_repository(folder)
    return folder
