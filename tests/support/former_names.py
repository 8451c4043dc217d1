"""The template as it was while conditions stood in the names of its paths, made from the present one."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from .options import read_blocks, read_settings, write_settings


def put_conditions_into_names(folder: Path) -> None:
    """Have the template in `folder` say by names, and by no list, which answer brings which path."""
    conditions = defaultdict(list)
    settings = read_settings(folder)
    for block in read_blocks(folder):
        settings["_exclude"].remove(block.text)
        for condition, name in block.conditions():
            conditions[name].append(f"not ({condition})")
    write_settings(folder, settings)
    for name in sorted(conditions, reverse=True):  # what is in a folder before the folder
        _rename(folder / f"template{name}", " and ".join(conditions[name]))


def _rename(path: Path, condition: str) -> None:
    suffix = "" if path.exists() else ".jinja"
    path.with_name(f"{path.name}{suffix}").rename(
        path.with_name(f"{{% if {condition} %}}{path.name}{{% endif %}}{suffix}")
    )
