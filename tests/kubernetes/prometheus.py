"""Prometheus for the tests: its rules by promtool, and one that scrapes a process of this machine."""

from __future__ import annotations

import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from service_tasks.engine.core.network import free_port

from ..support.service import request
from ..support.waiting import until

PROGRAMS = Path("/var/tmp/copier-gin-prometheus/usr/bin")
"""Where .ci/prometheus unpacks them."""
TOLD_BY: dict[str, dict[str, str]] = {
    "ChangesBehind": {"job": "orders-reconciler"},
    "PodsMissing": {"deployment": "orders"},
    "PodRestarts": {"pod": "orders-abc"},
    "NothingScraped": {},
    "MigrationFailed": {"job_name": "orders-migrate-r1"},
    "CacheLeftAlone": {},
}
"""What an alert is told by, besides its namespace, where that is not the service."""


@dataclass(frozen=True)
class Promtool:
    """What tries the rules of a service: one value of every series per minute."""

    spec: dict[str, Any]
    folder: Path

    @classmethod
    def of(cls, service: Path, folder: Path) -> Promtool:
        """The rules of a service's component, and a folder to write to."""
        component = service / "deploy/kubernetes/components/observability/prometheusrule.yaml"
        return cls(yaml.safe_load(component.read_text())["spec"], folder)

    def check(self) -> None:
        """Fail where promtool finds a fault in the rules, or something that is bad style."""
        self._run("check", "rules", "--lint-fatal", self._written("rules", self.spec))

    def expect(self, alert: str, minutes: int, series: Mapping[str, str], *severities: str) -> None:
        """Fail unless just these severities of an alert fire after so many minutes, in the namespace shop."""
        told_by = {"namespace": "shop", **TOLD_BY.get(alert, {"job": "orders"})}
        alerts = [{"exp_labels": {"severity": severity, **told_by}} for severity in severities]
        case = {"eval_time": f"{minutes}m", "alertname": alert, "exp_alerts": alerts}
        self._test(series, {"alert_rule_test": [case]})

    def value(self, expression: str, minutes: int, series: Mapping[str, str], value: float) -> None:
        """Fail unless an expression has this one value after so many minutes."""
        sample = {"labels": "{}", "value": value}
        case = {
            "expr": f"sum without (job, namespace) ({expression})",
            "eval_time": f"{minutes}m",
            "exp_samples": [sample],
        }
        self._test(series, {"promql_expr_test": [case]})

    def _test(self, series: Mapping[str, str], case: Mapping[str, Any]) -> None:
        inputs = [{"series": name, "values": values} for name, values in series.items()]
        tests = [{"interval": "1m", "input_series": inputs, **case}]
        rules = self._written("bare", {"groups": [_without_words(group) for group in self.spec["groups"]]})
        cases = {"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}
        self._run("test", "rules", self._written("cases", cases))

    def _written(self, name: str, document: Mapping[str, Any]) -> str:
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    def _run(self, *words: str) -> None:
        done = subprocess.run([PROGRAMS / "promtool", *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _without_words(group: Mapping[str, Any]) -> dict[str, Any]:
    """Rules without annotations, which promtool would have every case repeat."""
    rules = [{key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]]
    return {**group, "rules": rules}


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    address: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now; AssertionError where it is refused."""
        answer = request("GET", f"http://{self.address}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        assert answer.status == 200, f"{expression}: {answer.body}"
        found: list[dict[str, Any]] = answer.body["data"]["result"]
        return found


@contextmanager
def scraping(address: str, labels: Mapping[str, str], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes an address every second, with these labels on all series."""
    settings = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": labels["job"], "static_configs": [{"targets": [address], "labels": dict(labels)}]}
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    found = Prometheus(f"127.0.0.1:{free_port()}")
    options = [f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("w") as log:
        command = [str(PROGRAMS / "prometheus"), *options, f"--web.listen-address={found.address}"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: request("GET", f"http://{found.address}/-/ready").status == 200, "Prometheus answers")
        yield found
    finally:
        process.terminate()
        process.wait(timeout=30)
