"""The component of a process is the service's own Deployment with another command, and named in every overlay."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from service_tasks.engine.config.process_types import ProcessType, process_types
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.kubernetes.manifests import split
from service_tasks.engine.kubernetes.process_component import process_cronjob, process_deployment, with_components
from service_tasks.engine.kubernetes.slot_processes import require_processes

from ..conftest import Render
from .test_manifests import base, config

RELAY, MAILER, PURGE = process_types(
    {
        "relay": {"command": ["orders", "relay"]},
        "mailer": {"command": ["mailer"], "replicas": 3, "takeover": "start-first", "health": "running"},
        "purge": {"command": ["orders", "purge", "--all"], "schedule": "0 3 * * *"},
    }
)


@pytest.fixture
def own(rendered: Render) -> Any:
    """The service's own Deployment."""
    return base(rendered(database="none", kubernetes=True), "deployment")[0]


def container(workload: Any) -> Any:
    """The only container of a Deployment."""
    (found,) = workload["spec"]["template"]["spec"]["containers"]
    return found


def test_a_process_is_never_sent_requests_and_is_one_of_its_own_kind(own: Any) -> None:
    relay = process_deployment(own, "orders", RELAY)

    assert relay["metadata"]["name"] == "orders-relay"
    assert relay["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] == "relay"
    assert relay["spec"]["strategy"] == {"type": "Recreate"}
    assert (container(relay)["command"], container(relay)["args"]) == (["/app"], ["relay"])
    assert own["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] == "server"


def test_one_that_starts_first_is_rolled_and_one_that_answers_nothing_is_not_probed(own: Any) -> None:
    mailer = process_deployment(own, "orders", MAILER)

    assert (mailer["spec"]["replicas"], container(mailer)["command"]) == (3, ["/mailer"])
    assert mailer["spec"]["strategy"] == own["spec"]["strategy"]
    assert "readinessProbe" in container(own)
    assert not [name for name in container(mailer) if name.endswith("Probe")]


def test_a_job_is_a_cronjob_in_utc_that_never_runs_twice_at_once(own: Any) -> None:
    purge = process_cronjob(own, "orders", PURGE)

    spec = purge["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 3 * * *", "Etc/UTC", "Forbid")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert (pod["restartPolicy"], pod["containers"][0]["args"]) == ("Never", ["purge", "--all"])


WITHOUT = "resources:\n  - ../../base\n"
WITH = "resources:\n  - ../../base\ncomponents:\n  # For trials.\n  - ../../components/postgres\nimages: []\n"


def test_a_component_is_named_where_there_is_a_list_and_where_there_is_none() -> None:
    assert yaml.safe_load(with_components(WITHOUT, ["relay"], ""))["components"] == ["../../components/relay"]
    added = with_components(WITH, ["relay"], "")
    assert yaml.safe_load(added)["components"] == ["../../components/postgres", "../../components/relay"]
    assert added.endswith("relay\nimages: []\n")
    assert with_components(added, ["relay"], "") == added


def test_a_list_in_one_line_is_left_to_whoever_wrote_it() -> None:
    with pytest.raises(UsageFault, match="cannot be added to"):
        with_components("components: [../../components/postgres]\n", ["relay"], "overlays/staging")


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ([RELAY, MAILER], "runs no process mailer"),
        ([], "runs a process relay that invoke.yaml lacks"),
        ([ProcessType("relay", ("orders", "other"))], "another one in invoke.yaml"),
        ([ProcessType("relay", ("other", "relay"))], "another one in invoke.yaml"),
        ([RELAY], ""),
    ],
)
def test_manifests_and_invoke_yaml_have_to_agree(own: Any, types: list[ProcessType], said: str) -> None:
    manifests = split("orders", [own, config(), process_deployment(own, "orders", RELAY)])

    if not said:
        require_processes(manifests, types)
        return
    with pytest.raises(UsageFault, match=said):
        require_processes(manifests, types)
