"""A real Argo CD beside the tests' cluster: repo server and application controller, as processes of this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from service_tasks.engine.build.toolchain import find_go
from service_tasks.engine.core.network import free_port

from .cluster import CONTEXT, go_module, kubectl, variables

MODULE = "github.com/argoproj/argo-cd/v3@v3.1.9"
BINARY = Path("/var/tmp/copier-gin-argocd/argocd")
"""One program under several names; made of its module once on a machine: eight minutes of two cores."""
CONFIGS = ("argocd-cm", "argocd-secret", "argocd-cmd-params-cm")
KUSTOMIZE = (
    '#!/bin/sh\ncase $1 in build) shift; exec kubectl kustomize "$@" ;; version) echo v5.7.1 ;; *) exit 1 ;; esac\n'
)
RESYNC = "5"
"""Seconds after which it looks into its repositories again."""
CLUSTER = "https://127.0.0.1:16443"
"""The API server of .ci/kubernetes, as Argo CD's processes reach it."""


def binary(scratch: Path) -> Path:
    """Argo CD's program, compiled where it is not here yet."""
    if not BINARY.exists():
        source = scratch / "argo-cd"
        shutil.copytree(go_module(MODULE), source)
        subprocess.run(["chmod", "-R", "u+w", source], check=True)
        BINARY.parent.mkdir(parents=True, exist_ok=True)
        command = [find_go(), "build", "-trimpath", "-buildvcs=false", "-o", str(BINARY), "./cmd"]
        subprocess.run(command, cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, check=True, timeout=3000)
    return BINARY


@contextmanager
def running(program: Path, redis: str, scratch: Path) -> Iterator[None]:
    """Have Argo CD follow the Applications in the namespace argocd; `redis` is the address of its cache."""
    _configure()
    environment = _environment(program, scratch)
    repositories, metrics = free_port(), [free_port(), free_port()]
    server = ["argocd-repo-server", "--redis", redis, "--disable-tls", f"--port={repositories}"]
    server += [f"--revision-cache-expiration={RESYNC}s"]
    controller = ["argocd-application-controller", f"--kubeconfig={environment['KUBECONFIG']}", "--namespace=argocd"]
    controller += ["--redis", redis, f"--repo-server=localhost:{repositories}", "--repo-server-plaintext"]
    controller += [f"--app-resync={RESYNC}", f"--metrics-port={metrics[0]}"]
    with ExitStack() as stack:
        for words in ([*server, f"--metrics-port={metrics[1]}"], controller):
            log = stack.enter_context((scratch / f"{words[0]}.log").open("wb"))
            process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait, timeout=60)
            stack.callback(process.terminate)
        yield


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL under which the repositories in a folder can be read."""
    port = free_port()
    words = ["git", "daemon", f"--base-path={folder}", "--export-all", "--listen=127.0.0.1", f"--port={port}"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            yield f"git://127.0.0.1:{port}"
        finally:
            daemon.terminate()


def _configure() -> None:
    """What an installation has in its namespace: its configuration, a project for everything, and the cluster."""
    folder = go_module(MODULE) / "manifests" / "base" / "config"
    kubectl("apply", "--server-side", *(f"--filename={folder / name}.yaml" for name in CONFIGS), namespace="argocd")
    key = json.dumps({"stringData": {"server.secretkey": secrets.token_hex(16)}})
    kubectl("patch", "secret", "argocd-secret", f"--patch={key}", namespace="argocd")
    token = kubectl("config", "view", "--raw", "--minify", "--output=jsonpath={.users[0].user.token}")
    login = json.dumps({"bearerToken": token, "tlsClientConfig": {"insecure": True}})
    project = {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject"}
    _apply({**kind, "metadata": {"name": "default", "namespace": "argocd"}, "spec": project})
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    metadata = {"name": "tests", "namespace": "argocd", "labels": labels}
    data = {"name": "tests", "server": CLUSTER, "config": login}
    _apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


def _apply(wanted: Mapping[str, object]) -> None:
    kubectl("apply", "--filename=-", feed=json.dumps(wanted))


def _environment(program: Path, scratch: Path) -> dict[str, str]:
    """Variables with folders of its own, its program under all names, and kubectl in the place of kustomize."""
    names = scratch / "bin"
    names.mkdir()
    for name in ("argocd-repo-server", "argocd-application-controller", "argocd"):
        (names / name).symlink_to(program)
    (names / "kustomize").write_text(KUSTOMIZE)
    (names / "kustomize").chmod(0o755)
    folders = {f"ARGOCD_{name}_DATA_PATH": str(scratch / name.lower()) for name in ("TLS", "SSH")}
    for folder in folders.values():
        Path(folder).mkdir()
    found = {**os.environ, **variables()}
    config = scratch / "kubeconfig"
    config.write_text(Path(found["KUBECONFIG"]).read_text())
    where = {"KUBECONFIG": str(config), "PATH": f"{names}:{found['PATH']}", "ARGOCD_GPG_ENABLED": "false"}
    for words in (["set-context", CONTEXT, "--namespace=argocd"], ["use-context", CONTEXT]):
        subprocess.run(["kubectl", "config", *words], env={**found, **where}, check=True, capture_output=True)
    return {**found, **where, **folders}
