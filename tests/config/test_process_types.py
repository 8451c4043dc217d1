"""What a service runs beside the one that serves, as invoke.yaml names it: read, refused, and told to Compose."""

from __future__ import annotations

from typing import Any

import pytest

from service_tasks.engine.config.process_types import ProcessType, fingerprint, kept_types, process_types
from service_tasks.engine.config.settings import read_settings
from service_tasks.engine.core.errors import UsageFault

RELAY = {"relay": {"command": ["orders", "relay"]}}
JOB = {"purge": {"command": ["orders", "purge"], "schedule": "0 3 * * *"}}


def settings(processes: Any, **others: Any) -> Any:
    """The settings of a service with processes."""
    return read_settings({"service": "orders", "environments": {"staging": {}}, "processes": processes, **others})


def test_one_at_a_time_that_answers_probes_is_what_no_setting_says() -> None:
    (relay,) = process_types(RELAY)

    assert relay == ProcessType("relay", ("orders", "relay"), 1, "stop-first", "readyz", "")
    assert (relay.stops_first, relay.probed) == (True, True)
    assert relay.described() == "1 × orders relay, stop-first"


def test_a_job_is_waited_for_by_the_service_itself() -> None:
    (purge,) = process_types(JOB)

    argv = purge.argv("orders", lambda program: f"/kept/{program}")

    assert argv == ["/kept/orders", "schedule", "purge", "0 3 * * *", "/kept/orders", "purge"]
    assert purge.described() == "orders purge at 0 3 * * *"
    assert not purge.stops_first


def test_what_a_release_was_kept_with_is_read_as_it_was() -> None:
    types = process_types({**RELAY, **JOB})

    assert kept_types({"processes": [each.document() for each in types]}) == types
    assert kept_types({}) == ()


def test_a_service_without_processes_has_the_fingerprint_of_one_from_before_there_were_any() -> None:
    assert fingerprint(()) == ""
    assert fingerprint(process_types(RELAY)) != fingerprint(process_types({"relay": {"command": ["orders", "other"]}}))


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        ([], None),
        (["relay"], "processes: ['relay'] is not a mapping"),
        ({"Relay": {}}, "processes.Relay: 'Relay' is not a lower-case name"),
        ({"app": {"command": ["orders"]}}, "processes.app: app is a part of the stack"),
        ({"relay": "orders relay"}, "processes.relay: 'orders relay' is not a mapping"),
        ({"relay": {}}, "processes.relay.command: None is not a list"),
        ({"relay": {"command": "orders relay"}}, "processes.relay.command: 'orders relay' is not a list"),
        ({"relay": {"command": ["../orders"]}}, "is not one that begins with a folder of cmd/"),
        ({"relay": {"command": ["orders"], "replica": 2}}, "processes.relay.replica is not a setting"),
        ({"relay": {"command": ["orders"], "replicas": 0}}, "processes.relay.replicas: 0 is not a whole number"),
        ({"relay": {"command": ["orders"], "takeover": "both"}}, "is not one of stop-first, start-first"),
        ({"relay": {"command": ["orders"], "health": "none"}}, "is not one of readyz, running"),
        ({"purge": {"command": ["orders"], "schedule": "@every 5m"}}, "is not five fields of cron"),
        ({"purge": {"command": ["orders"], "schedule": "0 3 * *"}}, "is not five fields of cron"),
        ({"purge": {"command": ["orders"], "schedule": "@daily", "replicas": 2}}, "replicas is not for a job"),
        (JOB, "processes.purge.schedule: this service was made without jobs"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(processes: Any, said: str | None) -> None:
    if said is None:
        assert settings(processes).processes == ()
        return
    with pytest.raises(UsageFault) as refused:
        settings(processes)
    assert said in str(refused.value)


def test_jobs_need_nothing_of_the_service_where_the_cluster_has_cronjobs() -> None:
    cluster = {"target": "kubernetes", "contexts": ["staging"], "registry": "registry.example.com/team"}

    assert settings(JOB, environments={"staging": cluster}).processes[0].name == "purge"
    assert settings(JOB, jobs="scheduled").processes[0].name == "purge"
