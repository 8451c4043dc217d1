"""The pipelines of a rendered service, as data: workflows of GitHub and Forgejo, and GitLab's one file of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CHECK, UPDATE, DEPLOY = "ci.yml", "template-update.yml", "deploy.yml"
FOLDERS = {"github": ".github", "forgejo": ".forgejo"}
GITLAB = ".gitlab-ci.yml"
JOBS = {CHECK: "check", UPDATE: "template-update", DEPLOY: "deploy-staging"}
"""GitLab's jobs for what is a workflow elsewhere."""


def workflow(folder: Path, name: str, ci: str = "github") -> dict[str, Any]:
    """A workflow of a service; YAML reads the key `on` as the truth value that it is in its first version."""
    document = yaml.safe_load((folder / FOLDERS[ci] / "workflows" / name).read_text())
    return {"on" if key is True else key: value for key, value in document.items()}


def jobs(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["jobs"].values())


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in jobs(document) for step in job.get("steps", [])]


def gitlab(folder: Path) -> dict[str, Any]:
    """GitLab's file, with what jobs extend written out in them."""
    document: dict[str, Any] = yaml.safe_load((folder / GITLAB).read_text())
    for name, job in document.items():
        if isinstance(job, dict) and "extends" in job:
            document[name] = {**document[job["extends"]], **job}
    return document


def commands(folder: Path, ci: str, name: str) -> list[dict[str, Any]]:
    """What runs commands in a pipeline's job: GitHub's and Forgejo's steps, or GitLab's job, which is one script."""
    if ci != "gitlab":
        return [step for step in steps(workflow(folder, name, ci)) if "run" in step]
    document = gitlab(folder)
    job = document[JOBS[name]]
    return [{"run": "\n".join([*document["default"]["before_script"], *job["script"]])}]
