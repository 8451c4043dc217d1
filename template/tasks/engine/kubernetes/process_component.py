"""The kustomize component of a process beside the service, written once for its owner to change."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from ..build.image import path_in_image
from ..config.process_types import ProcessType
from ..core.errors import UsageFault
from .cluster import Object
from .manifests import COMPONENT, FOLDER, PROCESS

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
KUSTOMIZATION = """# A process beside the service, as invoke.yaml names it. It is yours: no update touches it.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources:
  - {}.yaml
"""
HEADER = "# The pods of the service with another command. Replicas, requests and limits are yours to choose.\n"


def write_components(root: Path, service: str, types: Mapping[str, ProcessType]) -> list[Path]:
    """Write the component of each process that has none, and name each in every overlay; gives the files changed.

    UsageFault where an overlay has no list of components that a line can be added to.
    """
    import yaml

    base = yaml.safe_load((root / FOLDER / "base" / "deployment.yaml").read_text(encoding="utf-8"))
    changed = []
    for name, each in types.items():
        folder = root / FOLDER / "components" / name
        if not folder.exists():
            folder.mkdir()
            made = process_cronjob(base, service, each) if each.schedule else process_deployment(base, service, each)
            text = yaml.safe_dump(made, sort_keys=False, width=120)
            kind = "cronjob" if each.schedule else "deployment"
            files = {"kustomization.yaml": KUSTOMIZATION.format(kind), f"{kind}.yaml": HEADER + text}
            for file, content in files.items():
                (folder / file).write_text(content, encoding="utf-8")
                changed.append(folder / file)
    for overlay in sorted((root / FOLDER / "overlays").glob("*/kustomization.yaml")):
        text = overlay.read_text(encoding="utf-8")
        wanted = with_components(text, list(types), str(overlay.relative_to(root)))
        if wanted != text:
            overlay.write_text(wanted, encoding="utf-8")
            changed.append(overlay)
    return changed


def process_deployment(base: Object, service: str, wanted: ProcessType) -> Object:
    """The Deployment of a process: the service's own, with another command, its own labels and no requests."""
    made: dict[str, Any] = deepcopy(base)
    program, *words = wanted.command
    made["metadata"]["name"] = f"{service}-{wanted.name}"
    made["metadata"]["labels"] |= {PROCESS: wanted.name}
    spec, template = made["spec"], made["spec"]["template"]
    spec["replicas"] = wanted.replicas
    if wanted.stops_first:
        spec["strategy"] = {"type": "Recreate"}
    for labels in (spec["selector"]["matchLabels"], template["metadata"]["labels"]):
        labels[COMPONENT] = wanted.name
    for constraint in template["spec"].get("topologySpreadConstraints", []):
        constraint["labelSelector"]["matchLabels"][COMPONENT] = wanted.name
    container = template["spec"]["containers"][0]
    image = {"name": container.pop("name"), "image": container.pop("image")}
    command = {"command": [path_in_image(program, service)], "args": words}
    probes = {} if wanted.probed else dict.fromkeys(PROBES)
    rest = {name: value for name, value in container.items() if name not in probes}
    template["spec"]["containers"][0] = {**image, **command, **rest}
    return made


def process_cronjob(base: Object, service: str, wanted: ProcessType) -> Object:
    """The CronJob of a job: pods as the service's own, which end, with another command and no probes."""
    deployment = process_deployment(base, service, wanted)
    template = deployment["spec"]["template"]
    pod, container = template["spec"], template["spec"]["containers"][0]
    for name in (*PROBES, "ports"):
        container.pop(name, None)
    pod.pop("topologySpreadConstraints", None)
    pod["restartPolicy"] = "Never"
    spec = {
        "schedule": wanted.schedule,
        "timeZone": "Etc/UTC",
        # A time is left out while the run before goes on, and is not made up for.
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 60,
        "jobTemplate": {"spec": {"backoffLimit": 0, "template": template}},
    }
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": deployment["metadata"], "spec": spec}


def with_components(text: str, names: list[str], where: str) -> str:
    """A kustomization's text with components named that it lacks; UsageFault where its list stands in one line."""
    entries = [f"  - ../../components/{name}\n" for name in names]
    lacking = [entry for entry in entries if entry not in text]
    if not lacking:
        return text
    lines = text.splitlines(keepends=True)
    if any(line.startswith("components:") and line.strip() != "components:" for line in lines):
        remedy = "put each of its components in a line of its own"
        raise UsageFault("the list of components cannot be added to", where=where, remedy=remedy)
    if "components:\n" not in lines:
        return "".join([*lines, "components:\n", *lacking])
    at = lines.index("components:\n") + 1
    while at < len(lines) and lines[at].startswith("  "):
        at += 1
    return "".join([*lines[:at], *lacking, *lines[at:]])
