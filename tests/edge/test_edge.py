"""The front door's runtime API: what its statistics say, and the commands that it is sent."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from service_tasks.engine.core.errors import DeployFault
from service_tasks.engine.core.slots import other
from service_tasks.engine.edge import runtime_api
from service_tasks.engine.edge.runtime_api import Edge, Traffic, parse_addresses, parse_statistics

# As HAProxy 3.2 answers to `show stat app 4 -1`, with the columns of its release shortened at the right end.
STATISTICS = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck
app,blue,0,0,{blue_now},7,,51,5100,10404,,0,,0,0,0,0,{blue},1,1,0
app,green,0,0,{green_now},3,,12,1200,2448,,0,,0,1,0,0,{green},1,1,0

"""


# As HAProxy 2.6 and 3.2 answer to `show servers state app`, with the columns shortened at the right end.
SERVERS = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state
3 app 1 blue - 0 32
3 app 2 green 192.168.224.4 2 0
"""


def statistics(blue: str = "UP", green: str = "MAINT", blue_now: int = 0, green_now: int = 0) -> str:
    """The answer of an edge whose slots are like this."""
    return STATISTICS.format(blue=blue, green=green, blue_now=blue_now, green_now=green_now)


class Api:
    """A runtime API that notes what it is asked, and answers statistics one after the other, the last one for ever."""

    def __init__(self, answers: Iterable[str] = (), to_commands: str = "\n") -> None:
        self.asked: list[str] = []
        self._answers = list(answers) or [statistics()]
        self._to_commands = to_commands

    def edge(self) -> Edge:
        """The front door behind it."""
        return Edge(self._ask, self._tell)

    def _ask(self, line: str) -> str:
        self.asked.append(line)
        assert line.startswith("show "), "what changes something must be told, not asked"
        if line.startswith("show servers"):
            return SERVERS
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _tell(self, line: str) -> str:
        self.asked.append(line)
        return self._to_commands


def test_statistics_say_the_state_and_the_requests_of_both_slots() -> None:
    traffic = parse_statistics(statistics(blue="UP", blue_now=5, green="DRAIN", green_now=2))

    assert traffic == {"blue": Traffic("UP", 5), "green": Traffic("DRAIN", 2)}


def test_lines_of_the_frontend_and_the_backend_are_no_slots() -> None:
    whole = statistics().rstrip("\n") + "\nhttp,FRONTEND,,,4,9,262100,80,1,1,0,0,0,,,,,OPEN,,,\napp,BACKEND,0,0,1,2,,,,"

    assert set(parse_statistics(whole)) == {"blue", "green"}


def test_an_empty_number_counts_as_none() -> None:
    text = "# pxname,svname,scur,status\napp,blue,,no check\n"

    assert parse_statistics(text) == {"blue": Traffic("no check", 0)}


def test_an_answer_that_is_no_statistics_names_no_slot() -> None:
    assert parse_statistics("") == {}
    assert parse_statistics("Can't find backend.\n") == {}


@pytest.mark.parametrize(
    ("state", "serving"),
    [("UP", True), ("UP 1/3", True), ("DOWN", False), ("DOWN 1/2", False), ("MAINT", False), ("DRAIN", False)],
)
def test_only_a_slot_that_is_up_serves(state: str, serving: bool) -> None:
    assert Traffic(state, 0).serving is serving


def test_each_slot_is_the_others_other() -> None:
    assert (other("blue"), other("green")) == ("green", "blue")


def test_a_switch_is_these_commands_in_this_order() -> None:
    api = Api([statistics(green="MAINT"), statistics(green="UP"), statistics(blue="DRAIN", green="UP")])
    edge = api.edge()

    edge.hold("green")
    edge.switch("green", "")
    edge.wait_serving("green", timeout=5)
    edge.drain("blue")
    left = edge.wait_drained("blue", timeout=5)

    assert left == 0
    statistics_line = "show stat app 4 -1"
    commands = [line for line in api.asked if line != statistics_line]
    assert commands == [
        "set server app/green state maint",
        "set server app/green state ready",
        "set server app/blue state drain",
    ]
    assert api.asked[2:4] == [statistics_line, statistics_line], "it waits until the edge itself finds the slot healthy"


def test_a_slot_that_has_ended_takes_part_again_once_a_probe_finds_it() -> None:
    api = Api()

    api.edge().dismiss("blue")

    assert api.asked == ["set server app/blue health down; set server app/blue state ready"]


def test_waiting_ends_when_the_last_request_is_answered() -> None:
    api = Api([statistics(blue_now=2), statistics(blue_now=1), statistics(blue_now=0)])

    assert api.edge().wait_drained("blue", timeout=5) == 0
    assert len(api.asked) >= 3


def test_waiting_in_vain_says_how_many_requests_are_left() -> None:
    assert Api([statistics(blue_now=3)]).edge().wait_drained("blue", timeout=0) == 3


def test_waiting_says_whether_the_edge_found_the_slot_healthy() -> None:
    assert Api([statistics(green="UP")]).edge().wait_serving("green", timeout=0) is True
    assert Api([statistics(green="DOWN")]).edge().wait_serving("green", timeout=0) is False


@pytest.mark.parametrize(
    "answer", ["No such server.\n", "Unknown command: 'set', but maybe one of the following ones", "Invalid state\n"]
)
def test_a_refused_command_is_a_failed_deploy_with_the_command_and_the_answer(answer: str) -> None:
    with pytest.raises(DeployFault, match="refuses a command") as fault:
        Api(to_commands=answer).edge().drain("blue")

    assert "set server app/blue state drain" in fault.value.details
    assert answer.strip() in fault.value.details


def test_a_command_is_answered_with_an_empty_line() -> None:
    Api(to_commands="\n").edge().drain("blue")


def test_the_addresses_of_both_slots_are_read_where_they_have_one() -> None:
    assert parse_addresses(SERVERS) == {"blue": "-", "green": "192.168.224.4"}
    assert parse_addresses("") == {}


def test_a_slot_whose_address_the_edge_has_is_found_without_waiting_for_a_probe() -> None:
    api = Api([statistics(green="MAINT"), statistics(green="DRAIN")])

    assert api.edge().wait_found("green", ["10.0.0.9", "192.168.224.4"], timeout=5) is True
    assert not [line for line in api.asked if "health" in line]


def test_where_the_edge_has_another_address_a_probe_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_api, "ADDRESS_SECONDS", 0)
    api = Api([statistics(green="DRAIN")])

    assert api.edge().wait_found("green", ["10.0.0.9"], timeout=5) is True
    assert "set server app/green health down" in api.asked


def test_a_slot_whose_name_the_edge_does_not_know_is_not_found() -> None:
    assert Api([statistics(green="MAINT")]).edge().wait_found("green", ["192.168.224.4"], timeout=0) is False
