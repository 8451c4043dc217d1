"""A namespace of a cluster, reached by the user's kubectl, with whatever that is configured to log in by."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..core.errors import DeployFault, Fault, MissingFault, UsageFault
from ..core.network import fetch_json
from ..core.runner import Outcome, Runner

Object = dict[str, Any]
"""An object of Kubernetes, as its JSON is."""
MANAGER = "copier-gin"
"""Who owns the fields that the tasks apply: see `kubectl get --show-managed-fields`."""
LONG = {"wait", "exec", "proxy", "--watch", "--follow"}
"""What makes a request last for as long as it is wanted."""
LISTENS = re.compile(r"Starting to serve on (\S+)")
"""What `kubectl proxy` says first."""
PORT = 8080
"""Of the service in its pods: see base/deployment.yaml."""
ANSWER_SECONDS = 20
"""For one request: an API server that takes longer is not there."""


@dataclass(frozen=True)
class Cluster:
    """A namespace of the cluster that a kubectl context names."""

    runner: Runner
    context: str
    namespace: str

    def argv(self, *words: str) -> list[str]:
        """A kubectl command line for this namespace and no other."""
        where = [f"--context={self.context}", f"--namespace={self.namespace}"]
        limit = [] if LONG & set(words) else [f"--request-timeout={ANSWER_SECONDS}s"]
        return ["kubectl", *where, *limit, *words]

    def run(self, *words: str, feed: str = "") -> Outcome:
        """Run kubectl; `feed` is its standard input. Faults are the caller's to make of what it says."""
        return self.runner.read(self.argv(*words), environment(), feed)

    def do(self, *words: str, feed: str = "") -> str:
        """Run kubectl, which has to succeed; gives what it prints."""
        done = self.run(*words, feed=feed)
        if not done.ok:
            raise refusal(self, words, done)
        return done.stdout

    def get(self, kind: str, name: str, *options: str) -> Object | None:
        """An object; None where there is none of this name."""
        text = self.do("get", kind, name, "--output=json", "--ignore-not-found", *options)
        found: Object | None = json.loads(text) if text.strip() else None
        return found

    def all_of(self, kinds: str, labels: Mapping[str, str]) -> list[Object]:
        """All objects of some kinds with these labels."""
        text = self.do("get", kinds, f"--selector={selector(labels)}", "--output=json")
        found: list[Object] = json.loads(text)["items"]
        return found

    def apply(self, objects: Sequence[Object], *options: str) -> list[str]:
        """Make objects as they are given, atomically each; fields that others own are left alone. Gives warnings."""
        words = ["apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--filename=-", *options]
        done = self.run(*words, feed=as_list(objects))
        if not done.ok:
            raise refusal(self, words, done)
        return [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]

    def create(self, wanted: Object) -> Object | None:
        """An object as it was made; None where there is one of its name already."""
        return self._written("create", wanted, "(AlreadyExists)")

    def replace(self, wanted: Object) -> Object | None:
        """An object as it is in the place of the former one; None where that has changed since, or is gone."""
        return self._written("replace", wanted, "(Conflict)", "(NotFound)")

    def _written(self, verb: str, wanted: Object, *refusals: str) -> Object | None:
        done = self.run(verb, "--filename=-", "--output=json", feed=json.dumps(wanted))
        if done.ok:
            written: Object = json.loads(done.stdout)
            return written
        if any(word in done.stderr for word in refusals):
            return None
        raise refusal(self, (verb,), done)

    def delete(self, kind: str, *names: str) -> None:
        """Remove objects; those that are gone are no fault."""
        if names:
            self.do("delete", kind, *names, "--ignore-not-found", "--wait=false")

    def ask_pod(self, name: str, path: str) -> tuple[int, Any]:
        """The status and document that a pod of the service answers a GET with."""
        with self.reached(f"pods/http:{name}:{PORT}") as url:
            return fetch_json(url + path)

    def ask_service(self, name: str, path: str) -> tuple[int, Any]:
        """The status and document that a Service answers a GET with."""
        with self.reached(service_of(name)) as url:
            return fetch_json(url + path)

    @contextmanager
    def reached(self, what: str) -> Iterator[str]:
        """A URL of this machine for a pod or a Service, by way of the API server; it leads to nothing else there."""
        path = f"/api/v1/namespaces/{self.namespace}/{what}/proxy"
        running = self.runner.begin(self.argv("proxy", "--port=0", f"--accept-paths=^{path}/"), environment())
        try:
            found = LISTENS.search(running.process.stdout.readline() if running.process.stdout else "")
            if not found:
                raise refusal(self, ("proxy",), running.wait())
            yield f"http://{found[1]}{path}"
        finally:
            running.end()

    @contextmanager
    def watched(self, kind: str, options: Sequence[str], ended: threading.Event) -> Iterator[Iterator[Object]]:
        """Each change of the objects of a kind as it comes, those that are there first; `type` and `object` of each.

        It goes on until `ended` is set, or until the connection ends.
        """
        words = ["get", kind, "--watch", "--output-watch-events", "--output=json", *options]
        running = self.runner.begin(self.argv(*words), environment())
        threading.Thread(target=_kill_when, args=(running.process, ended), daemon=True).start()
        try:
            yield _documents(running.process)
        finally:
            running.end()


def version_of(found: Object | None) -> dict[str, str]:
    """The metadata by which an object is replaced only as long as nobody else has changed it; none without one."""
    return {"resourceVersion": found["metadata"]["resourceVersion"]} if found else {}


def service_of(name: str) -> str:
    """What `reached` calls a Service."""
    return f"services/http:{name}:http"


def environment() -> dict[str, str]:
    """The shell's variables for kubectl: all but its own switches, as a way to log in may need any of them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KUBECTL_")}


def selector(labels: Mapping[str, str]) -> str:
    """Labels as kubectl selects by them."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


def as_list(objects: Sequence[Object]) -> str:
    """Objects as one document."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def _kill_when(process: subprocess.Popen[str], ended: threading.Event) -> None:
    """Kill a process, which lets its reader go on, once it is no longer wanted; it may have ended by itself before."""
    while process.poll() is None:
        if ended.wait(1):
            process.kill()
            return


def _documents(process: subprocess.Popen[str]) -> Iterator[Object]:
    """The JSON documents that a process prints one after the other."""
    decoder, text = json.JSONDecoder(), ""
    for line in process.stdout or ():
        text += line
        try:
            document, end = decoder.raw_decode(text)
        except ValueError:
            continue
        text = text[end:].lstrip()
        yield document


def refusal(cluster: Cluster, words: Sequence[str], done: Outcome) -> Fault:
    """What kubectl or the cluster says, as a fault of the right kind."""
    said, where = done.tail(6), f"context {cluster.context}, namespace {cluster.namespace}"
    text = done.stderr.lower()
    if "context" in text and "does not exist" in text:
        remedy = "kubectl config get-contexts shows those that there are; invoke.yaml names one in contexts"
        return UsageFault(f"kubectl has no context {cluster.context}", where="invoke.yaml", details=said, remedy=remedy)
    if "namespaces" in text and "not found" in text:
        remedy = f"kubectl --context={cluster.context} create namespace {cluster.namespace}"
        return MissingFault(f"there is no namespace {cluster.namespace}", where=where, details=said, remedy=remedy)
    if "(forbidden)" in text:
        remedy = "deploy/kubernetes/access has what a deployer may do: let an administrator apply it"
        return MissingFault("the cluster does not allow it", where=where, details=said, remedy=remedy)
    if "(unauthorized)" in text or "logged in" in text:
        return MissingFault("the cluster does not know who you are", where=where, details=said, remedy="log in again")
    if any(word in text for word in ("connection refused", "no such host", "i/o timeout", "was refused", "deadline")):
        remedy = f"see that kubectl --context={cluster.context} get pods works"
        return MissingFault("the cluster does not answer", where=where, details=said, remedy=remedy)
    return DeployFault(f"kubectl {words[0]} failed", where=where, details=said)
